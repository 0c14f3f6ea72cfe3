// What the page can do besides links and forms, which do without it.

import { startAsk } from "./ask.js";
import { startBasket } from "./basket.js";
import { all, one, say } from "./dom.js";
import { startHits } from "./hits.js";
import { startScroll } from "./scroll.js";
import { startStage } from "./stage.js";
import { startStill } from "./still.js";

function startTheme() {
  const button = one("[data-theme-switch]");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const show = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.title = `Use ${isDark() ? "light" : "dark"} colours`;
    button.hidden = false;
  };
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem("oga-theme", theme);
    } catch {
      // Then it holds for this page.
    }
    show();
  });
  system.addEventListener("change", show);
  show();
}

async function copy(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    // Where there is no TLS, browsers give no clipboard; what is selected can still be copied.
    source.closest("details")?.setAttribute("open", "");
    getSelection().selectAllChildren(source);
    if (!document.execCommand("copy")) return say("It is selected: copy it with Ctrl+C");
  }
  say("Copied");
}

function startCopy() {
  const show = () => all("[data-copy]").forEach((button) => (button.hidden = false));
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-copy]");
    if (button) copy(one(`[data-copied="${button.dataset.copy}"]`));
  });
  document.addEventListener("changed", show);
  show();
}

startTheme();
startCopy();
startBasket();
startHits();
startAsk();
startStage();
startStill();
startScroll();
if ("waiting" in document.body.dataset) setTimeout(() => location.reload(), 2500);
