// Looking closer: wheel, pinch, double tap and drag. Several stages may share one view, to compare the same spot.

const MAX = 8;
const SLOP = 8;

function clamp(value, least, most) {
  return Math.min(most, Math.max(least, value));
}

// Which way a finger went; undefined for a wobble, and for upwards.
function direction(dx, dy) {
  if (Math.max(Math.abs(dx), Math.abs(dy)) < 40) return undefined;
  if (Math.abs(dx) > Math.abs(dy) * 1.2) return dx < 0 ? "left" : "right";
  return dy > 80 ? "down" : undefined;
}

export class Zoom {
  // `swiped(direction)`: a swipe while nothing is magnified: "left", "right" or "down".
  constructor(stages, { swiped = () => {}, changed = () => {} } = {}) {
    this.stages = stages;
    this.swiped = swiped;
    this.changed = changed;
    this.pointers = new Map();
    this.reset();
    for (const stage of stages) this.listen(stage);
  }

  get active() {
    return this.scale > 1;
  }

  reset() {
    Object.assign(this, { scale: 1, x: 0, y: 0 });
    this.draw();
  }

  // Magnify by `factor` around a point of a stage; x and y are kept in parts of the stage's size.
  by(factor, stage, clientX, clientY) {
    const box = stage.getBoundingClientRect();
    const scale = clamp(this.scale * factor, 1, MAX);
    const px = (clientX - box.left) / box.width - 0.5;
    const py = (clientY - box.top) / box.height - 0.5;
    const ratio = scale / this.scale;
    this.x = px - (px - this.x) * ratio;
    this.y = py - (py - this.y) * ratio;
    this.scale = scale;
    this.draw();
  }

  toggle(stage = this.stages[0], clientX, clientY) {
    if (this.active) return this.reset();
    const box = stage.getBoundingClientRect();
    this.by(2.5, stage, clientX ?? box.left + box.width / 2, clientY ?? box.top + box.height / 2);
  }

  step(factor) {
    const box = this.stages[0].getBoundingClientRect();
    this.by(factor, this.stages[0], box.left + box.width / 2, box.top + box.height / 2);
  }

  draw() {
    const room = (this.scale - 1) / 2;
    this.x = clamp(this.x, -room, room);
    this.y = clamp(this.y, -room, room);
    for (const stage of this.stages) {
      const picture = stage.querySelector(".picture");
      stage.classList.toggle("zoomed", this.active);
      picture.style.transform = this.active
        ? `translate(${this.x * stage.clientWidth}px, ${this.y * stage.clientHeight}px) scale(${this.scale})`
        : "";
    }
    this.changed(this.active);
  }

  listen(stage) {
    const on = (name, handle, options) => stage.addEventListener(name, handle.bind(this, stage), options);
    on("pointerdown", this.down);
    on("pointermove", this.move);
    on("pointerup", this.up);
    on("pointercancel", this.up);
    on("wheel", this.wheel, { passive: false });
    stage.addEventListener("dragstart", (event) => event.preventDefault());
  }

  // A swipe may begin on a control at the edge, where thumbs are; a tap on it stays a tap.
  swipesFrom(control) {
    let start;
    control.addEventListener("pointerdown", (event) => {
      start = event.pointerType === "mouse" ? undefined : event;
    });
    control.addEventListener("pointerup", (event) => {
      const way = start && direction(event.clientX - start.clientX, event.clientY - start.clientY);
      start = undefined;
      if (way && !this.active) this.swiped(way);
    });
  }

  wheel(stage, event) {
    event.preventDefault();
    this.by(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), stage, event.clientX, event.clientY);
  }

  down(stage, event) {
    if (event.button || event.target.closest("a, button") || stage.classList.contains("pointing")) return;
    stage.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.pointers.size === 1) this.start = { x: event.clientX, y: event.clientY, at: event.timeStamp, moved: false };
    else if (this.start) this.start.moved = true;
  }

  move(stage, event) {
    const last = this.pointers.get(event.pointerId);
    if (!last) return;
    const before = this.spread();
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (Math.hypot(event.clientX - this.start.x, event.clientY - this.start.y) > SLOP) this.start.moved = true;
    if (this.pointers.size === 2) {
      const after = this.spread();
      if (before.apart) this.by(after.apart / before.apart, stage, after.x, after.y);
    } else if (this.active) {
      this.x += (event.clientX - last.x) / stage.clientWidth;
      this.y += (event.clientY - last.y) / stage.clientHeight;
      this.draw();
    }
  }

  up(stage, event) {
    if (!this.pointers.delete(event.pointerId) || this.pointers.size) return;
    const { x, y, moved } = this.start;
    if (event.type === "pointercancel") return;
    if (!moved) return this.tap(stage, event);
    const way = direction(event.clientX - x, event.clientY - y);
    if (way && !this.active) this.swiped(way);
  }

  // A click of a mouse magnifies; on touch it takes two taps.
  tap(stage, event) {
    const twice = this.tapped && event.timeStamp - this.tapped < 320;
    this.tapped = event.timeStamp;
    if (event.pointerType === "mouse" ? !twice : twice) this.toggle(stage, event.clientX, event.clientY);
  }

  spread() {
    const [a, b] = [...this.pointers.values()];
    return b ? { apart: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 } : { apart: 0 };
  }
}
