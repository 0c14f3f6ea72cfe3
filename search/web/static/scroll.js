// Endless scroll. What has been loaded is remembered beside the page in the history, so that going back leads
// to where one was.

import { all, one, page } from "./dom.js";

let loaded = [];

const remember = () =>
  history.replaceState({ ...history.state, loaded, y: Math.round(scrollY) }, "", location.href);

const near = new IntersectionObserver(
  (seen) => {
    for (const { isIntersecting, target } of seen) {
      if (isIntersecting && !target.dataset.stopped) follow(target);
    }
  },
  { rootMargin: "900px" },
);

// Puts the hits of *got* behind those of this page; *at* is what they come instead of, or are put into.
function put(got, at) {
  const here = one("ol.hits", at.parentElement);
  const later = one("[data-later]", got);
  const items = all("ol.hits > li", got);
  if (at.dataset.alike) {
    at.append(...[one("ol.hits", got), later].filter(Boolean));
  } else {
    const known = new Set([...here.children].map((item) => item.dataset.id));
    here.append(...items.filter((item) => !known.has(item.dataset.id)));
    later ? at.replaceWith(later) : at.remove();
  }
  near.unobserve(at);
  if (later) near.observe(later);
  document.dispatchEvent(new Event("changed"));
}

async function follow(at) {
  const address = at.dataset.later ?? at.dataset.alike;
  at.dataset.stopped = "yes";
  at.setAttribute("aria-busy", "true");
  try {
    put(await page(address), at);
    loaded.push(address);
    remember();
  } catch {
    // Its link is still there, and leads to the same hits.
    near.unobserve(at);
  }
  at.removeAttribute("aria-busy");
}

const next = () => one("[data-alike]:not([data-stopped]), [data-later]:not([data-stopped])");

async function comeBack({ loaded: before, y }) {
  const pages = await Promise.all(before.map((address) => page(address).catch(() => null)));
  for (const [place, got] of pages.entries()) {
    const at = next();
    if (!got || !at) break;
    at.dataset.stopped = "yes";
    put(got, at);
    loaded.push(before[place]);
  }
  scrollTo({ top: y, behavior: "instant" });
}

export async function startScroll() {
  const before = history.state;
  if (before?.loaded?.length) {
    history.scrollRestoration = "manual";
    await comeBack(before);
  }
  let resting;
  addEventListener("scroll", () => {
    clearTimeout(resting);
    resting = setTimeout(remember, 120);
  });
  addEventListener("pagehide", remember);
  all("[data-later], [data-alike]").forEach((at) => near.observe(at));
}
