// Keys, and focus that is not lost. Every page works without this file.
const storeKey = "phr-keys";
const lines = () => [...document.querySelectorAll("[data-line]")].filter((line) => line.offsetParent);
const keysOn = () => localStorage.getItem(storeKey) !== "off";

function move(step) {
  const all = lines();
  if (!all.length) return;
  const at = all.indexOf(document.activeElement);
  const visible = all.findIndex((line) => line.getBoundingClientRect().top >= 0);
  const next = at < 0 ? Math.max(visible, 0) : Math.min(Math.max(at + step, 0), all.length - 1);
  all[next].focus();
  all[next].scrollIntoView({ block: "nearest" });
}

const dialog = document.getElementById("keys");
const openKeys = () => dialog?.showModal();

// A single-key shortcut must be possible to switch off (WCAG 2.1.4); "?" stays while the dialog is the only way back.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || dialog?.open) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable]") || !keysOn()) return;
  const act = {
    "/": () => document.querySelector('input[type="search"]')?.focus(),
    j: () => move(1),
    k: () => move(-1),
    "?": openKeys,
  }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

for (const opener of document.querySelectorAll('[data-opens="keys"]')) {
  opener.hidden = !dialog;
  opener.addEventListener("click", openKeys);
}
const box = document.getElementById("keys-on");
if (box) {
  box.checked = keysOn();
  box.addEventListener("change", () => localStorage.setItem(storeKey, box.checked ? "on" : "off"));
}

// "Older entries" replaces itself: whoever had the focus there goes on at the first line that came.
let resume = -1;
document.addEventListener("htmx:before:swap", (event) => {
  const older = event.target.closest?.(".older");
  resume = older?.contains(document.activeElement) ? lines().length : -1;
});
document.addEventListener("htmx:after:swap", () => {
  if (resume >= 0) lines()[resume]?.focus();
  resume = -1;
});

// A portal that wants its request by POST: the form goes on by itself; its button is for browsers without scripts.
document.querySelector("form[data-go]")?.submit();

for (const button of document.querySelectorAll("[data-copies]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copies);
    text.select();
    // Without TLS there is no clipboard to write to; the text is selected, and the keys do the rest.
    await navigator.clipboard?.writeText(text.value);
    if (navigator.clipboard) button.querySelector("span").textContent = button.dataset.done;
  });
}

// What is typed stands in the address, so that "back" from a result finds the results again; the arrow leads to them.
const typed = document.querySelector("input[data-in-address]");
typed?.addEventListener("input", () => {
  history.replaceState(history.state, "", typed.value ? `?${typed.name}=${encodeURIComponent(typed.value)}` : location.pathname);
});
typed?.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown" || !lines().length) return;
  event.preventDefault();
  lines()[0].focus();
});
