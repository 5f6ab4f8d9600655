'use strict';
// Collects the answers and gives them as a CSV.
const paths = JSON.parse(document.getElementById('data').textContent);
const rows = [...document.querySelectorAll('fieldset')];
const cell = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

function answers() {
  return rows
    .map((row) => [paths[Number(row.dataset.row)], row.querySelector('input:checked')])
    .filter(([, chosen]) => chosen)
    .map(([path, chosen]) => [path, chosen.value]);
}

function asCsv() {
  return ['path,answer', ...answers().map((row) => row.map(cell).join(','))].join('\n') + '\n';
}

document.addEventListener('change', () => {
  document.getElementById('state').textContent = `${answers().length} of ${rows.length} answered`;
});
document.getElementById('download').onclick = () => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([asCsv()], { type: 'text/csv' }));
  link.download = 'answers.csv';
  link.click();
  URL.revokeObjectURL(link.href);
};
