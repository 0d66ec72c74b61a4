// Shows what a term means beside it, inside the window, for a mouse, a finger and a keyboard.
"use strict";
(() => {
  const box = document.getElementById("meaning");
  const gap = 8;
  let shown = null;
  const show = (term) => {
    shown = term;
    box.textContent = term.dataset.meaning;
    box.hidden = false;
    const edge = term.getBoundingClientRect();
    const size = box.getBoundingClientRect();
    const right = document.documentElement.clientWidth - size.width - gap;
    const above = edge.top - size.height - gap;
    box.style.left = `${Math.max(gap, Math.min(edge.left, right))}px`;
    box.style.top = `${above > gap ? above : edge.bottom + gap}px`;
  };
  const hide = () => {
    shown = null;
    box.hidden = true;
  };
  for (const term of document.querySelectorAll("dfn")) {
    for (const event of ["mouseenter", "focus", "click"]) {
      term.addEventListener(event, () => show(term));
    }
    for (const event of ["mouseleave", "blur"]) term.addEventListener(event, hide);
  }
  const follow = () => shown && show(shown);
  window.addEventListener("scroll", follow, { passive: true, capture: true });
  window.addEventListener("keydown", (event) => event.key === "Escape" && hide());
})();
