// The page is complete without this. With it, the numbers are exchanged every two seconds.
setInterval(async () => {
  try {
    const answer = await fetch("/stats", { cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.getElementById("numbers").replaceWith(page.getElementById("numbers"));
  } catch { /* the worker is restarting: the next look may find it */ }
}, 2000);
