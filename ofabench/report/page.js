// Draws each picture when it comes near the view: a page of forty opens at once, on a phone too.
"use strict";
(() => {
  const narrow = window.matchMedia("(max-width: 600px)").matches;
  const touched = window.matchMedia("(pointer: coarse)").matches;
  const config = { displaylogo: false, responsive: true, displayModeBar: narrow ? false : "hover" };

  // On a narrow screen the axes' names and numbers take less, and a finger scrolls the page.
  const fit = (layout) => {
    if (narrow) {
      layout.margin = { ...layout.margin, l: 46, r: 10 };
      layout.font = { ...layout.font, size: 11 };
    }
    if (narrow || touched) layout.dragmode = false;
    return layout;
  };

  const draw = (box) => {
    if (box.dataset.drawn) return;
    box.dataset.drawn = "begun";
    const told = JSON.parse(document.getElementById(box.id + "-data").textContent);
    Plotly.newPlot(box, told.data, fit(told.layout), config).then(() => {
      box.dataset.drawn = "done";
    });
  };

  const boxes = [...document.querySelectorAll(".figure")];
  window.addEventListener("beforeprint", () => boxes.forEach(draw));
  const seen = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        seen.unobserve(entry.target);
        draw(entry.target);
      }
    },
    { rootMargin: "600px 0px" },
  );
  boxes.forEach((box) => seen.observe(box));
})();
