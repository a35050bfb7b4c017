// The page is complete without this. With it, the numbers are exchanged every two seconds.
const numbers = async () => {
  const answer = await fetch("/stats", { cache: "no-store" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  // A proxy may answer for a worker that restarts: its page has no numbers.
  return answer.ok ? page.getElementById("numbers") : null;
};
setInterval(async () => {
  const found = await numbers().catch(() => null);
  document.getElementById("away").hidden = found !== null;
  if (found) document.getElementById("numbers").replaceWith(found);
}, 2000);
