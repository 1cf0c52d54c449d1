"""Parts of the page that gradio lacks: uploads that it does not open, a before/after slider, a brush, a status line."""

from html import escape
from typing import Any

import gradio as gr
from gradio.data_classes import FileData, ListFiles

SLIDER_HTML = """
${value ? `<figure class="before-after" style="--ratio: ${value.width} / ${value.height}">
  <img src="${value.before}" alt="The photograph">
  <img class="after" src="${value.after}" alt="${value.alt}">
  <input type="range" min="0" max="100" value="0" step="1" aria-label="Show this much of the photograph">
</figure>` : `<p class="placeholder">${placeholder}</p>`}
"""
SLIDER_JS = """
const put = () => {
  const input = element.querySelector('input');
  if (!input) return;
  input.value = element.dataset.at || 0;
  input.parentElement.style.setProperty('--at', input.value + '%');
};
element.addEventListener('input', event => { element.dataset.at = event.target.value; put(); });
watch('value', put);
put();
"""

BRUSH_HTML = """
${photo ? `<div class="brush">
  <img src="${photo}" alt="The photograph, to paint on">
  <canvas role="img" aria-label="What is painted; without a pointer, use the buttons below"></canvas>
</div>
<div class="tools">
  <label>Brush <input type="range" class="size" min="2" max="40" value="12" aria-label="Size of the brush"></label>
  <label><input type="checkbox" class="erase"> Erase</label>
  <button type="button" class="all">Paint all</button>
  <button type="button" class="invert">Swap</button>
  <button type="button" class="none">Clear</button>
</div>` : `<p class="placeholder">Drop a photograph first</p>`}
"""
BRUSH_JS = """
let last = null;
const find = name => element.querySelector(name);
const ready = () => {
  const image = find('img'), canvas = find('canvas');
  if (!canvas) return null;
  if (!canvas.dataset.ready && image.naturalWidth) {
    canvas.width = image.naturalWidth; canvas.height = image.naturalHeight; canvas.dataset.ready = 1;
  }
  return canvas.dataset.ready ? canvas : null;
};
const send = () => {
  const canvas = ready(), flat = document.createElement('canvas');
  flat.width = canvas.width; flat.height = canvas.height;
  const context = flat.getContext('2d');
  context.fillStyle = '#000'; context.fillRect(0, 0, flat.width, flat.height);
  context.drawImage(canvas, 0, 0);
  trigger('input', { mask: flat.toDataURL('image/png') });
};
const stroke = event => {
  const canvas = ready(), box = canvas.getBoundingClientRect();
  const scale = canvas.width / box.width;
  const at = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  const context = canvas.getContext('2d');
  context.globalCompositeOperation = find('.erase').checked ? 'destination-out' : 'source-over';
  context.strokeStyle = '#fff'; context.lineCap = 'round'; context.lineJoin = 'round';
  context.lineWidth = find('.size').value * Math.max(canvas.width, canvas.height) / 100;
  context.beginPath(); context.moveTo(...(last || at)); context.lineTo(...at); context.stroke();
  last = at;
};
element.addEventListener('pointerdown', event => {
  if (event.target.tagName !== 'CANVAS' || !ready()) return;
  event.preventDefault(); event.target.setPointerCapture(event.pointerId); last = null; stroke(event);
});
element.addEventListener('pointermove', event => { if (last) stroke(event); });
const lift = () => { if (last) { last = null; send(); } };
element.addEventListener('pointerup', lift);
element.addEventListener('pointercancel', lift);
element.addEventListener('click', event => {
  const canvas = ready(), kind = event.target.className;
  if (!canvas || !['all', 'invert', 'none'].includes(kind)) return;
  const context = canvas.getContext('2d');
  context.globalCompositeOperation = { all: 'source-over', invert: 'xor', none: 'destination-out' }[kind];
  context.fillStyle = '#fff'; context.fillRect(0, 0, canvas.width, canvas.height);
  context.globalCompositeOperation = 'source-over';
  send();
});
"""

GROUPS_JS = """
() => document.addEventListener('focusin', event => {
  if (event.target.type !== 'radio') return;
  const group = event.target.closest('fieldset').querySelectorAll('[type=radio]');
  group.forEach(radio => { radio.name = group[0].name; });
})
"""
"""gradio gives each button of a choice a name of its own: arrow keys would not go from one to the next."""

CSS = """
.before-after { position: relative; margin: 0 auto; aspect-ratio: var(--ratio);
  max-width: min(100%, calc(75vh * (var(--ratio)))); --at: 0%; }
.before-after img { position: absolute; inset: 0; width: 100%; height: 100%; border-radius: 6px; }
.before-after .after { clip-path: inset(0 0 0 var(--at)); }
.before-after input { position: absolute; inset: auto 4% 3% 4%; width: 92%; min-height: 28px; cursor: ew-resize; }
.brush { position: relative; touch-action: none; }
.brush img, .brush canvas { display: block; width: 100%; border-radius: 6px; }
.brush canvas { position: absolute; inset: 0; height: 100%; opacity: .55; cursor: crosshair; }
.tools { display: flex; flex-wrap: wrap; gap: .6em; align-items: center; margin-top: .5em; }
.tools button { border: 1px solid currentColor; border-radius: 6px; padding: .2em .7em; }
.tools label { display: flex; align-items: center; gap: .4em; }
.placeholder { display: grid; place-items: center; min-height: 220px; opacity: .75; text-align: center;
  border: 1px dashed; border-radius: 6px; padding: 1em; }
.problem { font-weight: 600; }
.problem::before { content: "\\26A0\\FE0F "; }
.status progress { width: 100%; accent-color: var(--color-accent); }
.styles .wrap { display: grid; grid-template-columns: repeat(auto-fill, minmax(96px, 1fr)); gap: 8px; }
.styles label { flex-direction: column; align-items: stretch; padding: 4px; }
.styles label::before { content: ""; display: block; aspect-ratio: 1; border-radius: 4px;
  background-color: #8884; background-position: center; background-size: cover; }
.styles label span { margin: 0; text-align: center; font-size: .85em; line-height: 1.2; }
.styles label.selected { outline: 3px solid var(--color-accent); }
.styles input { position: absolute; opacity: 0; }
.styles label:focus-within { outline: 3px solid var(--color-accent); }
.compared { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 16px; }
.compared img { width: 100%; border-radius: 6px; }
.compared figcaption { font-weight: 600; }
.compared dl { display: grid; grid-template-columns: 1fr auto; gap: 0 1em; }
@media (max-width: 640px) {
  .styles .wrap { display: flex; flex-wrap: nowrap; overflow-x: auto; }
  .styles label { flex: 0 0 96px; }
}
"""


def upload(label: str, camera: bool = True, **options: Any) -> gr.Image:
    """Return a place to drop, paste or take a picture; its value is the file as it was sent, see `_unopened`."""
    sources: Any = ["upload", "webcam", "clipboard"] if camera else ["upload", "clipboard"]
    return _unopened(gr.Image(label=label, sources=sources, type="filepath", buttons=[], alt_text=label, **options))


def uploads(label: str, **options: Any) -> gr.File:
    """Return a place to drop several files; its value is their list."""
    return _unopened(gr.File(label=label, file_count="multiple", **options))


def _unopened(component: Any) -> Any:
    """Return a component that hands on the files that it is sent: gradio would open pictures, and convert them.

    Its method is replaced, since gradio writes a file beside the module of each class that is derived from its own.
    """

    def preprocess(payload: FileData | ListFiles | None) -> str | list[str] | None:
        if isinstance(payload, ListFiles):
            return [file.path for file in payload]
        return None if payload is None else payload.path

    component.preprocess = preprocess
    return component


def before_after(placeholder: str) -> gr.HTML:
    """Return a result beside its photograph, under a slider; see `stylenet.web.pictures.compared` for its value."""
    return gr.HTML(html_template=SLIDER_HTML, js_on_load=SLIDER_JS, placeholder=placeholder)


def picture(placeholder: str) -> gr.HTML:
    """Return a picture; its value is `{"src": address, "alt": words}`."""
    template = '${value ? `<img src="${value.src}" alt="${value.alt}">` : `<p class="placeholder">${placeholder}</p>`}'
    return gr.HTML(html_template=template, placeholder=placeholder)


def brush() -> gr.HTML:
    """Return a place to paint on the photograph; its event `input` gives what is painted as a data address."""
    return gr.HTML(html_template=BRUSH_HTML, js_on_load=BRUSH_JS, photo="")


def status_line() -> gr.HTML:
    """Return a line that screen readers read out when it changes."""
    return gr.HTML("", html_template='<div class="status" role="status">${value}</div>')


def saying(text: str, done: float = 0, total: float = 0) -> str:
    """Return what a status line shows: a text, and a bar if there is a total."""
    bar = f'<progress value="{done}" max="{total}" aria-hidden="true"></progress>' if total else ""
    return f"<span>{escape(text)}</span>{bar}"


def problem(text: str) -> str:
    """Return what a status line shows of an error."""
    return f'<span class="problem">{escape(text)}</span>'
