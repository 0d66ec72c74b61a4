// Saves a table as CSV or JSON, made in the page: nothing is sent anywhere.
"use strict";
(() => {
  const quoted = (value) => {
    const text = value === null ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const csv = (table) =>
    [table.columns, ...table.rows].map((row) => row.map(quoted).join(",") + "\r\n").join("");
  const json = (table) => {
    const rows = table.rows.map((row) =>
      Object.fromEntries(table.columns.map((name, place) => [name, row[place]])),
    );
    return JSON.stringify(rows, null, 1) + "\n";
  };

  const save = (button) => {
    const table = JSON.parse(document.getElementById(button.dataset.table).textContent);
    const format = button.dataset.format;
    const [text, type] = format === "csv" ? [csv(table), "text/csv"] : [json(table), "application/json"];
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = `${table.name}.${format}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };
  for (const button of document.querySelectorAll("button[data-table]")) {
    button.addEventListener("click", () => save(button));
  }
})();
