// Draws each chart when it comes near the view: a page of forty opens at once, on a phone too.
"use strict";
(() => {
  const narrow = window.matchMedia("(max-width: 600px)").matches;
  const touch = window.matchMedia("(pointer: coarse)").matches;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const config = { displaylogo: false, responsive: true, displayModeBar: false };

  // The colours of all charts; Plotly takes them from a template, so that they can be changed.
  const template = () => {
    const [ink, line, paper] = dark.matches
      ? ["#c3cbd8", "#2f3744", "#12161d"]
      : ["#4a5466", "#e4e8ee", "#ffffff"];
    const axis = {
      gridcolor: line, linecolor: line, zeroline: false, automargin: true,
      title: { standoff: 8, font: { size: 13 } }, tickcolor: line,
    };
    return {
      layout: {
        font: { color: ink, size: 12, family: "system-ui, -apple-system, Segoe UI, sans-serif" },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        xaxis: axis,
        yaxis: axis,
        hoverlabel: { align: "left", bgcolor: paper, bordercolor: ink, font: { color: ink } },
        legend: { bgcolor: "rgba(0,0,0,0)" },
        annotationdefaults: { font: { color: ink }, bgcolor: paper, opacity: 0.9, borderpad: 1 },
        shapedefaults: { line: { color: ink } },
        sliderdefaults: { bgcolor: line, bordercolor: line, font: { color: ink }, tickcolor: ink },
      },
      data: { bar: [{ marker: { line: { color: paper, width: 1 } } }] },
    };
  };

  // On a narrow screen the axes' names and numbers take less, and a finger scrolls the page.
  const fit = (layout) => {
    layout.template = template();
    if (narrow) {
      layout.margin = { ...layout.margin, l: 46, r: 10 };
      layout.font = { ...layout.font, size: 11 };
    }
    if (narrow || touch) layout.dragmode = false;
    return layout;
  };

  const draw = (box) => {
    if (box.dataset.drawn) return;
    box.dataset.drawn = "begun";
    const figure = JSON.parse(document.getElementById(box.id + "-data").textContent);
    Plotly.newPlot(box, figure.data, fit(figure.layout), config).then(() => {
      box.dataset.drawn = "done";
    });
  };

  const boxes = [...document.querySelectorAll(".figure")];
  dark.addEventListener("change", () => {
    for (const box of boxes) {
      if (box.dataset.drawn === "done") Plotly.relayout(box, { template: template() });
    }
  });
  window.addEventListener("beforeprint", () => boxes.forEach(draw));
  const near = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        near.unobserve(entry.target);
        draw(entry.target);
      }
    },
    { rootMargin: "600px 0px" },
  );
  boxes.forEach((box) => near.observe(box));
})();
