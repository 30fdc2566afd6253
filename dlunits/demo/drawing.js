// Canvas for drawing a digit with a pointer or with the keyboard. After each
// stroke it triggers the event "stroke" with the drawing as a PNG data URL.

const canvas = element.querySelector("canvas");
const cursor = element.querySelector(".pen");
const context = canvas.getContext("2d");
const STEP = 10; // pixels by which an arrow key moves the pen
const MOVES = {
    ArrowLeft: [-STEP, 0],
    ArrowRight: [STEP, 0],
    ArrowUp: [0, -STEP],
    ArrowDown: [0, STEP],
};
let pen = [canvas.width / 2, canvas.height / 4];
let isDown = false;

function clear() {
    context.fillStyle = "white";
    context.fillRect(0, 0, canvas.width, canvas.height);
    Object.assign(context, { lineWidth: 20, lineCap: "round", lineJoin: "round" });
}

function lineTo(point) {
    context.beginPath();
    context.moveTo(...pen);
    context.lineTo(...point);
    context.stroke();
    pen = point;
}

function send() {
    trigger("stroke", { image: canvas.toDataURL("image/png") });
}

// On the page, the canvas may be shown smaller than its number of pixels.
function positionOf(event) {
    const box = canvas.getBoundingClientRect();
    const scale = canvas.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
}

function showCursor() {
    cursor.style.left = `${(100 * pen[0]) / canvas.width}%`;
    cursor.style.top = `${(100 * pen[1]) / canvas.height}%`;
    cursor.classList.toggle("down", isDown);
}

canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    isDown = true;
    pen = positionOf(event);
    lineTo(pen);
});
canvas.addEventListener("pointermove", (event) => {
    if (isDown && event.buttons) lineTo(positionOf(event));
});
for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => {
        isDown = false;
        send();
    });
}
canvas.addEventListener("keydown", (event) => {
    if (event.key === " ") {
        isDown = !isDown;
        if (isDown) lineTo(pen);
        else send();
    } else if (event.key in MOVES) {
        const limits = [canvas.width, canvas.height];
        const point = pen.map((value, axis) =>
            Math.min(Math.max(value + MOVES[event.key][axis], 0), limits[axis])
        );
        if (isDown) lineTo(point);
        pen = point;
    } else {
        return;
    }
    event.preventDefault();
    showCursor();
});
canvas.addEventListener("focus", showCursor);
element.querySelector("button").addEventListener("click", clear);
clear();
