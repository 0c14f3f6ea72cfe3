// On a hit: what else is the same as it, and keys.

import { all, make, one, page, say, typing } from "./dom.js";

async function unfold(link) {
  const item = link.closest(".hit");
  const id = link.dataset.more;
  const open = all(`.hit[data-of="${id}"]`);
  link.setAttribute("aria-expanded", String(!open.length));
  if (open.length) return open.forEach((other) => other.remove());
  const got = await page(link.href);
  const others = all("ol.hits > li", got).filter((other) => other.dataset.id !== id);
  for (const other of others) {
    other.dataset.of = id;
    other.classList.add("of");
    one(".more", other)?.remove();
  }
  if (one("[data-later]", got)) {
    const all = make("a", { className: "button", href: link.href, textContent: "All of them" });
    others.push(make("li", { className: "hit of rest" }, all));
    others.at(-1).dataset.of = id;
  }
  item.after(...others);
  say(link.textContent);
  document.dispatchEvent(new Event("changed"));
}

// The hit that is to the *side* of *item* on the screen.
function beside(item, side) {
  const items = all(".hit", item.parentElement);
  const place = items.indexOf(item);
  if (side === "ArrowRight") return items[place + 1];
  if (side === "ArrowLeft") return items[place - 1];
  const down = side === "ArrowDown";
  const rest = down ? items.slice(place + 1) : items.slice(0, place).reverse();
  return rest.find(
    (other) => other.offsetTop !== item.offsetTop && Math.abs(other.offsetLeft - item.offsetLeft) < item.offsetWidth / 2,
  );
}

const PRESSED = { m: ".like", c: "a[href*='/credits?']", k: "input[name=id]" };

export function startHits() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-more]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    unfold(link).catch(() => location.assign(link.href));
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "/") {
      event.preventDefault();
      one("input[name=q]").focus();
    }
    if (event.key === "Escape" && location.hash === "#filters") location.hash = "main";
    const item = event.target.closest(".hit");
    if (!item) return;
    const to = event.key.startsWith("Arrow") ? beside(item, event.key) : null;
    if (to) {
      event.preventDefault();
      one(".open, .button", to).focus();
    }
    if (PRESSED[event.key]) one(PRESSED[event.key], item)?.click();
  });
}
