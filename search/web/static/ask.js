// Asking with a picture: dropped anywhere, or pasted. It is sent as the form on the first page is.

import { all, make, one, root, say } from "./dom.js";

const isAddress = (text) => /^https?:\/\/\S+$/i.test(text);

// Says so, and returns true, if *file* is more than the server takes.
function tooLarge(file) {
  const most = Number(document.body.dataset.mostBytes);
  if (!(file instanceof File) || file.size <= most) return false;
  say(`That is too large: the server takes ${(most / 1e6).toFixed(0)} MB`);
  return true;
}

function send(what, then) {
  if (tooLarge(what)) return;
  const form = make("form", { method: "post", action: `${root}/ask`, enctype: "multipart/form-data", hidden: true });
  const field = make("input", { name: typeof what === "string" ? "url" : "picture" });
  if (typeof what === "string") field.value = what;
  else {
    const files = new DataTransfer();
    files.items.add(what);
    field.type = "file";
    field.files = files.files;
  }
  form.append(field, make("input", { name: "then", value: then }));
  document.body.append(form);
  document.body.classList.add("busy");
  say("Looking at your picture …");
  form.submit();
}

// What of a drop or of the clipboard can be asked with: a picture, or an address.
function offered(transfer) {
  const files = [...transfer.files];
  const picture = files.find((file) => file.type.startsWith("image/")) ?? files[0];
  if (picture) return picture;
  // A picture that is dragged from another page: what it links to is no picture.
  const shown = new DOMParser().parseFromString(transfer.getData("text/html"), "text/html").querySelector("img");
  if (isAddress(shown?.getAttribute("src") ?? "")) return shown.getAttribute("src");
  const text = (transfer.getData("text/uri-list") || transfer.getData("text/plain")).trim().split(/\s*\n/)[0];
  return isAddress(text) ? text : null;
}

function landing() {
  const zones = [
    ["search", "What looks like it?"],
    ["whose", "Whose is this?"],
  ].map(([then, text]) => Object.assign(make("p", { textContent: text }), { then }));
  const sheet = make("div", { className: "landing", hidden: true }, ...zones);
  document.body.append(sheet);
  return sheet;
}

function startDrop() {
  const sheet = landing();
  const close = () => {
    sheet.hidden = true;
    all(".over", sheet).forEach((zone) => zone.classList.remove("over"));
  };
  let ours = false;
  addEventListener("dragstart", () => (ours = true));
  addEventListener("dragend", () => (ours = false));
  addEventListener("dragenter", ({ dataTransfer }) => {
    const kinds = dataTransfer?.types ?? [];
    if (!ours && (kinds.includes("Files") || kinds.includes("text/uri-list"))) sheet.hidden = false;
  });
  addEventListener("dragover", (event) => {
    if (sheet.hidden) return;
    event.preventDefault();
    for (const zone of sheet.children) zone.classList.toggle("over", zone === event.target);
  });
  sheet.addEventListener("dragleave", ({ relatedTarget }) => {
    if (!relatedTarget || !sheet.contains(relatedTarget)) close();
  });
  addEventListener("drop", (event) => {
    if (sheet.hidden) return;
    event.preventDefault();
    close();
    const what = offered(event.dataTransfer);
    what ? send(what, event.target.then ?? "search") : say("That was neither a picture nor the address of one");
  });
  addEventListener("keydown", ({ key }) => key === "Escape" && close());
}

export function startAsk() {
  startDrop();
  addEventListener("paste", (event) => {
    const what = event.clipboardData && offered(event.clipboardData);
    // An address that is pasted into a field is meant for it.
    if (what && !(typeof what === "string" && event.target.matches?.("input"))) {
      event.preventDefault();
      send(what, "search");
    }
  });
  document.addEventListener("submit", (event) => {
    if (tooLarge(one("input[type=file]", event.target)?.files[0])) event.preventDefault();
  });
  const hint = one("[data-drop-hint]");
  if (hint) hint.hidden = false;
}
