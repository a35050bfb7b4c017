// The page is complete without this, and then loads itself anew. With it, what has changed is exchanged in place.
"use strict";
const INTERVAL_MILLISECONDS = 2000;
const IMPATIENT_MILLISECONDS = 10000;

const fetched = async () => {
  const answer = await fetch(location.pathname, { cache: "no-store", signal: AbortSignal.timeout(IMPATIENT_MILLISECONDS) });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  // A proxy may answer for a worker that restarts: its page has no numbers.
  return answer.ok && page.getElementById("numbers") ? page : null;
};

// What a screen reader announces is touched only if its words have changed.
const exchange = (page, id) => {
  const [old, found] = [document, page].map((each) => each.getElementById(id));
  if (!old || !found || old.outerHTML === found.outerHTML) return;
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  for (const each of old.querySelectorAll("details[open]")) found.querySelector(`#${each.id}`)?.setAttribute("open", "");
  old.replaceWith(document.importNode(found, true));
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
};

const show = (page) => {
  if (document.title !== page.title) document.title = page.title;
  const [icon, found] = [document, page].map((each) => each.getElementById("icon"));
  if (icon.getAttribute("href") !== found.getAttribute("href")) icon.replaceWith(document.importNode(found, true));
  const [verdict, now] = [document, page].map((each) => each.getElementById("verdict"));
  verdict.className = now.className;
  ["spoken", "headline", "sentences", "as-of", "numbers"].forEach((id) => exchange(page, id));
};

const look = async () => {
  const page = await fetched().catch(() => null);
  if (page) show(page);
  document.getElementById("away").hidden = page !== null;
  setTimeout(look, INTERVAL_MILLISECONDS);
};
setTimeout(look, INTERVAL_MILLISECONDS);
