// Painting over a picture, or on white paper.
// value: {width, height, paint: a PNG as a data URL, or null}; picture: a data URL, or null; ink: a CSS colour.
const SIZES = { Fine: 0.015, Medium: 0.05, Broad: 0.12 }; // of the longer side
const stage = element.querySelector(".seal-stage");
const tools = element.querySelector(".seal-chips");
const image = stage.querySelector("img");
const canvas = stage.querySelector("canvas");
const context = canvas.getContext("2d");
let erases = false;
let size = props.fine ? "Fine" : "Medium";
let last = null;

const point = (event) => {
    const area = canvas.getBoundingClientRect();
    return [
        ((event.clientX - area.left) * canvas.width) / area.width,
        ((event.clientY - area.top) * canvas.height) / area.height,
    ];
};
const commit = (paint) => {
    props.value = { ...props.value, paint };
    trigger("input");
};

function tool(name, pressed, does) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "seal-chip";
    button.textContent = name;
    if (pressed !== null) button.setAttribute("aria-pressed", pressed);
    button.onclick = () => {
        does();
        showTools();
    };
    tools.append(button);
}

function showTools() {
    tools.replaceChildren();
    tool("Brush", !erases, () => (erases = false));
    tool("Eraser", erases, () => (erases = true));
    for (const name of Object.keys(SIZES)) tool(name, size === name, () => (size = name));
    tool("Clear", null, () => {
        context.clearRect(0, 0, canvas.width, canvas.height);
        commit(null);
    });
}

function show() {
    const value = props.value;
    stage.hidden = tools.hidden = !value;
    if (!value) return;
    stage.style.aspectRatio = `${value.width} / ${value.height}`;
    stage.style.setProperty("--ratio", value.width / value.height);
    [canvas.width, canvas.height] = [value.width, value.height];
    image.hidden = !props.picture;
    if (props.picture) image.src = props.picture;
    if (value.paint) {
        const paint = new Image();
        paint.onload = () => context.drawImage(paint, 0, 0, canvas.width, canvas.height);
        paint.src = value.paint;
    }
    showTools();
}

function stroke(to) {
    context.globalCompositeOperation = erases ? "destination-out" : "source-over";
    context.strokeStyle = props.ink;
    context.lineWidth = SIZES[size] * Math.max(canvas.width, canvas.height);
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...last);
    context.lineTo(...to);
    context.stroke();
    last = to;
}

canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    last = point(event);
    stroke(last);
});
canvas.addEventListener("pointermove", (event) => last && stroke(point(event)));
canvas.addEventListener("pointerup", () => {
    if (!last) return;
    last = null;
    commit(canvas.toDataURL("image/png"));
});
canvas.addEventListener("pointercancel", () => (last = null));
watch(["value", "picture"], show);
show();
