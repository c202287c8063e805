// Light, dark, or as the system says. Not a module: it runs before the page is drawn, so that nothing flashes.
(() => {
  const order = ["auto", "light", "dark"];
  const name = "taskmesh-theme";
  const load = () => {
    try {
      const kept = localStorage.getItem(name);
      return order.includes(kept) ? kept : "auto";
    } catch {
      return "auto"; // Storage may be forbidden; then the choice lasts as long as the page.
    }
  };
  let theme = load();
  const apply = () => {
    document.documentElement.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) button.textContent = `Theme: ${theme}`;
  };
  apply();
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    document.getElementById("theme").addEventListener("click", () => {
      theme = order[(order.indexOf(theme) + 1) % order.length];
      try {
        localStorage.setItem(name, theme);
      } catch {
        // As above.
      }
      apply();
    });
  });
})();
