// What all parts of the page use.

export const root = document.body.dataset.root;

export const one = (selector, within = document) => within.querySelector(selector);
export const all = (selector, within = document) => [...within.querySelectorAll(selector)];

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

let fading;

// Tells something in passing; screen readers say it too.
export function say(text) {
  const toast = one("[data-toast]");
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(fading);
  fading = setTimeout(() => (toast.hidden = true), 4000);
}

// Fetches a page of ours, and returns it as a document. Throws what a person can read.
export async function page(address) {
  const response = await fetch(address, { headers: { Accept: "text/html" } });
  const got = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!response.ok) throw new Error(one("h1", got)?.textContent ?? `The server answers ${response.status}`);
  return got;
}

export const typing = (element) => element.matches("input:not([type=checkbox]), textarea, select");
