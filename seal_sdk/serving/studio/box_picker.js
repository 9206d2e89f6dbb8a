// A picture with boxes on it. Dragging draws the active box anew, its corners resize it, and the keyboard moves it.
// value: {width, height, boxes: [{name, box: [x0, y0, x1, y1] in pixels, or null}], active}; picture, mask: data URLs or null.
const COLORS = ["#e8590c", "#1c7ed6", "#2f9e44", "#9c36b5", "#e03131", "#f08c00"];
const SMALLEST = 0.02; // of a side: a shorter drag is a click
const STEP = 0.02; // of a side, per arrow key
const CORNERS = [[0, 1], [2, 1], [0, 3], [2, 3]]; // places in [x0, y0, x1, y1]
const stage = element.querySelector(".seal-stage");
const chips = element.querySelector(".seal-chips");
let drag = null;

const make = (tag, className, parent) => {
    const made = document.createElement(tag);
    made.className = className;
    parent.append(made);
    return made;
};
const size = () => [props.value.width, props.value.height];
const clamp = (number, most) => Math.min(Math.max(number, 0), most);
const point = (event) => {
    const area = stage.getBoundingClientRect();
    return [0, 1].map((axis) => {
        const at = axis ? (event.clientY - area.top) / area.height : (event.clientX - area.left) / area.width;
        return clamp(at * size()[axis], size()[axis]);
    });
};
const sorted = ([x0, y0, x1, y1]) => [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)].map(Math.round);
const withBox = (index, box) => ({
    ...props.value,
    active: index,
    boxes: props.value.boxes.map((each, at) => (at === index ? { ...each, box } : each)),
});
const commit = (value) => {
    props.value = value;
    show();
    trigger("input");
};

function place(shape, box) {
    const [width, height] = size();
    const [x0, y0, x1, y1] = sorted(box);
    shape.style.left = `${(100 * x0) / width}%`;
    shape.style.top = `${(100 * y0) / height}%`;
    shape.style.width = `${(100 * (x1 - x0)) / width}%`;
    shape.style.height = `${(100 * (y1 - y0)) / height}%`;
}

function showBox(each, index) {
    const shape = make("div", index === props.value.active ? "seal-box seal-active" : "seal-box", stage);
    shape.style.setProperty("--color", COLORS[index % COLORS.length]);
    shape.tabIndex = 0;
    shape.dataset.index = index;
    shape.setAttribute("role", "group");
    shape.setAttribute("aria-label", `Box of ${each.name}. Arrow keys move it, with Shift they resize it.`);
    make("span", "seal-name", shape).textContent = each.name;
    if (index === props.value.active) {
        CORNERS.forEach((corner, at) => (make("i", `seal-corner seal-corner-${at}`, shape).dataset.corner = at));
    }
    place(shape, each.box);
}

function showChips() {
    chips.replaceChildren();
    if (props.value.boxes.length < 2) return;
    props.value.boxes.forEach((each, index) => {
        const chip = make("button", "seal-chip", chips);
        chip.type = "button";
        chip.textContent = each.name;
        chip.setAttribute("aria-pressed", index === props.value.active);
        chip.style.setProperty("--color", COLORS[index % COLORS.length]);
        chip.onclick = () => {
            props.value = { ...props.value, active: index };
            show();
        };
    });
}

function show() {
    const focused = document.activeElement?.dataset?.index;
    stage.replaceChildren();
    chips.replaceChildren();
    stage.hidden = !props.value;
    if (!props.value) return;
    stage.style.aspectRatio = `${props.value.width} / ${props.value.height}`;
    stage.style.setProperty("--ratio", props.value.width / props.value.height);
    for (const source of [props.picture, props.mask]) {
        if (source) {
            const image = make("img", "", stage);
            image.src = source;
            image.alt = "";
            image.draggable = false;
        }
    }
    props.value.boxes.forEach((each, index) => each.box && showBox(each, index));
    showChips();
    if (focused !== undefined) stage.querySelector(`[data-index="${focused}"]`)?.focus();
}

stage.addEventListener("pointerdown", (event) => {
    if (!props.value || event.button) return;
    event.preventDefault();
    stage.setPointerCapture(event.pointerId);
    const index = props.value.active;
    const [x, y] = point(event);
    const corner = event.target.dataset.corner;
    drag = { index, box: [x, y, x, y], ends: CORNERS[3] };
    if (corner !== undefined) drag = { index, box: [...props.value.boxes[index].box], ends: CORNERS[corner] };
    drag.shape = stage.querySelector(".seal-active") ?? make("div", "seal-box seal-active", stage);
});
stage.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const at = point(event);
    drag.ends.forEach((end, axis) => (drag.box[end] = at[axis]));
    place(drag.shape, drag.box);
});
stage.addEventListener("pointerup", () => {
    if (!drag) return;
    const { index, box } = drag;
    const [x0, y0, x1, y1] = sorted(box);
    drag = null;
    if (x1 - x0 < SMALLEST * size()[0] || y1 - y0 < SMALLEST * size()[1]) show();
    else commit(withBox(index, [x0, y0, x1, y1]));
});
stage.addEventListener("pointercancel", () => {
    drag = null;
    show();
});
stage.addEventListener("keydown", (event) => {
    const axis = { ArrowLeft: 0, ArrowRight: 0, ArrowUp: 1, ArrowDown: 1 }[event.key];
    if (axis === undefined || event.target.dataset.index === undefined) return;
    event.preventDefault();
    const index = Number(event.target.dataset.index);
    const box = [...props.value.boxes[index].box];
    const most = size()[axis];
    const step = Math.max(Math.round(STEP * most), 1) * (event.key === "ArrowLeft" || event.key === "ArrowUp" ? -1 : 1);
    const end = axis + 2;
    if (event.shiftKey) box[end] = Math.max(clamp(box[end] + step, most), box[axis] + 1);
    else {
        const moved = clamp(box[axis] + step, most - (box[end] - box[axis]));
        [box[axis], box[end]] = [moved, moved + box[end] - box[axis]];
    }
    commit(withBox(index, box));
});
watch(["value", "picture", "mask"], show);
show();
