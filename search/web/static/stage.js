// One picture: enlarged by whole numbers, and a region drawn on it.

import { make, one } from "./dom.js";

const MOST_TIMES = 24;

// Enlarges the picture by as much as fits, and lets that be changed.
function startZoom(stage, redraw) {
  const [width, height] = [Number(stage.dataset.width), Number(stage.dataset.height)];
  const picture = one("img", stage);
  const bar = one("[data-zoom]");
  const room = stage.clientWidth - 2 * parseFloat(getComputedStyle(stage).paddingLeft);
  const fits = Math.floor(Math.min(room / width, Math.max(320, innerHeight * 0.6) / height));
  let times = Math.max(1, Math.min(MOST_TIMES, fits));
  const show = () => {
    stage.classList.toggle("zoomed", times > fits && fits >= 1);
    picture.classList.toggle("crisp", times > 1 || width <= 320);
    picture.width = width * times;
    picture.height = height * times;
    if (bar) one("output", bar).textContent = fits >= 1 ? `${times}×` : "fitted";
    redraw();
  };
  if (bar && fits >= 1) {
    bar.hidden = false;
    one("[data-less]", bar).onclick = () => ((times = Math.max(1, times - 1)), show());
    one("[data-greater]", bar).onclick = () => ((times = Math.min(MOST_TIMES, times + 1)), show());
  }
  picture.complete ? show() : picture.addEventListener("load", show, { once: true });
}

// Lets a frame be drawn: the fields of the form and the frame say the same. Returns what draws it anew.
function startRegion(stage, panel) {
  const field = (name) => one(`[name=${name}]`, panel);
  const picture = one("img", stage);
  const canvas = make("canvas");
  picture.after(canvas);
  const [width, height] = [Number(stage.dataset.width), Number(stage.dataset.height)];

  const redraw = () => {
    canvas.width = picture.clientWidth;
    canvas.height = picture.clientHeight;
    const pen = canvas.getContext("2d");
    const [x, y, w, h] = ["x", "y", "w", "h"].map((name) => Number(field(name).value));
    if (w >= width && h >= height) return;
    const [across, down] = [canvas.width / width, canvas.height / height];
    pen.fillStyle = "#0009";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.clearRect(x * across, y * down, w * across, h * down);
    pen.lineWidth = 2;
    pen.strokeStyle = "#fff";
    pen.strokeRect(x * across, y * down, w * across, h * down);
    pen.setLineDash([5, 5]);
    pen.strokeStyle = "#000";
    pen.strokeRect(x * across, y * down, w * across, h * down);
  };

  const at = ({ clientX, clientY }) => {
    const box = picture.getBoundingClientRect();
    const within = (value, most) => Math.max(0, Math.min(most, value));
    return [within(((clientX - box.left) / box.width) * width, width), within(((clientY - box.top) / box.height) * height, height)];
  };
  let from = null;
  const ground = picture.parentElement;
  ground.addEventListener("pointerdown", (event) => {
    if (event.button || (event.pointerType !== "mouse" && !stage.classList.contains("held"))) return;
    event.preventDefault();
    from = at(event);
    ground.setPointerCapture(event.pointerId);
  });
  ground.addEventListener("pointermove", (event) => {
    if (!from) return;
    const to = at(event);
    // Whole pixels of the picture, whichever way it is drawn.
    const [x, y] = [0, 1].map((side) => Math.floor(Math.min(from[side], to[side])));
    const [right, bottom] = [0, 1].map((side) => Math.ceil(Math.max(from[side], to[side])));
    Object.assign(field("x"), { value: x });
    Object.assign(field("y"), { value: y });
    Object.assign(field("w"), { value: Math.max(1, right - x) });
    Object.assign(field("h"), { value: Math.max(1, bottom - y) });
    if (panel.tagName === "DETAILS") panel.open = true;
    redraw();
  });
  for (const end of ["pointerup", "pointercancel"]) ground.addEventListener(end, () => (from = null));
  panel.addEventListener("input", redraw);
  new ResizeObserver(redraw).observe(picture);
  one("[data-draw-hint]", panel).hidden = false;
  stage.classList.add("drawing");
  // A finger scrolls the page, unless a region was asked for.
  const hold = () => stage.classList.toggle("held", panel.tagName !== "DETAILS" || panel.open);
  panel.addEventListener("toggle", hold);
  hold();
  return redraw;
}

export function startStage() {
  const stage = one("[data-stage]");
  if (!stage) return;
  const panel = one("[data-region]");
  startZoom(stage, panel ? startRegion(stage, panel) : () => {});
}
