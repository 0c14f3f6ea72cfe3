// The basket: numbers of pictures, kept in this browser, shown by a page whose address holds them.

import { all, one, page, root, say } from "./dom.js";

const KEY = "oga-basket";
const MOST = 500;

export function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter(Number.isSafeInteger) : [];
  } catch {
    return [];
  }
}

function keep(ids) {
  try {
    localStorage.setItem(KEY, JSON.stringify(ids));
  } catch {
    say("This browser keeps nothing: the basket is lost with this page");
  }
  showBasket();
}

const address = (ids) => `${root}/basket${ids.length ? "?" + ids.map((id) => `id=${id}`).join("&") : ""}`;

const onPage = () => new URLSearchParams(location.search).getAll("id").map(Number);

// Brings ticks, counts and links of *within* to what is kept.
export function showBasket(within = document) {
  const ids = new Set(kept());
  for (const box of all("input[name=id]", within)) {
    box.checked = ids.has(Number(box.value));
    const label = one("[data-keep]", box.parentElement);
    if (label) label.textContent = box.checked ? "Kept" : "Keep";
  }
  for (const form of all("[data-ticked]", within)) form.hidden = true;
  const count = one("[data-count]");
  count.hidden = !ids.size;
  count.textContent = ids.size;
  one("[data-basket]").href = address([...ids]);
  showTools(ids);
}

function showTools(ids) {
  const tools = one("[data-basket-tools]");
  if (!tools) return;
  tools.hidden = false;
  const shown = onPage();
  one("[data-keep-all]", tools).hidden = shown.every((id) => ids.has(id));
  one("[data-empty]", tools).hidden = !one("[data-basket-page]") || !shown.some((id) => ids.has(id));
}

async function goTo(ids) {
  const wanted = address(ids);
  const got = await page(wanted).catch(() => null);
  if (!got) return location.replace(wanted);
  history.replaceState(null, "", wanted);
  document.title = got.title;
  one("main").replaceChildren(...one("main", got).childNodes);
  one("main").focus({ preventScroll: true });
  document.dispatchEvent(new Event("changed"));
}

function change(id, wanted) {
  const others = kept().filter((other) => other !== id);
  if (wanted && others.length >= MOST) return say(`The basket is full: it holds ${MOST} pictures`);
  keep(wanted ? [...others, id] : others);
  say(wanted ? "Kept: it is in the basket" : "Taken out of the basket");
  if (!wanted && one("[data-basket-page]")) goTo(onPage().filter((other) => other !== id));
}

export function startBasket() {
  document.addEventListener("change", ({ target }) => {
    if (target.matches("input[name=id]")) change(Number(target.value), target.checked), showBasket();
  });
  document.addEventListener("click", ({ target }) => {
    if (target.closest("[data-keep-all]")) keep([...new Set([...kept(), ...onPage()])].slice(0, MOST));
    if (target.closest("[data-empty]")) keep([]), goTo([]);
  });
  document.addEventListener("changed", () => showBasket());
  addEventListener("storage", () => showBasket());
  addEventListener("pageshow", () => showBasket());
  showBasket();
  // Reached by an address without numbers: a bookmark, say.
  if (one("[data-basket-page]") && !onPage().length && kept().length) goTo(kept());
}
