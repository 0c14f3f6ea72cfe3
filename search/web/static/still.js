// Animations stand still for who asks the system for less motion, and move while they are pointed at.

import { all } from "./dom.js";

async function freeze(picture) {
  picture.dataset.still = "yes";
  await picture.decode();
  const canvas = document.createElement("canvas");
  canvas.width = picture.naturalWidth;
  canvas.height = picture.naturalHeight;
  canvas.getContext("2d").drawImage(picture, 0, 0);
  const moving = picture.src;
  const still = URL.createObjectURL(await new Promise((done) => canvas.toBlob(done)));
  picture.src = still;
  // In a hit, its link lies over the picture.
  const area = picture.closest(".hit") ?? picture;
  area.addEventListener("pointerenter", () => (picture.src = moving));
  area.addEventListener("pointerleave", () => (picture.src = still));
}

export function startStill() {
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const show = () => all("img[data-moving]:not([data-still])").forEach((one) => freeze(one).catch(() => {}));
  document.addEventListener("changed", show);
  show();
}
