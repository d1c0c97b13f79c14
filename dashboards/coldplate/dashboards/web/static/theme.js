// Light or dark: as the system says, until a viewer says otherwise.

const KEPT = "coldplate-theme";

/** @returns {"light"|"dark"} */
export function theme() {
  return document.documentElement.dataset.theme === "light" ? "light" : "dark";
}

/** Starts with what was kept or the system wants. @param {() => void} changed */
export function startTheme(button, changed) {
  const system = matchMedia("(prefers-color-scheme: light)");
  let chosen = kept();
  const apply = () => {
    document.documentElement.dataset.theme = chosen || (system.matches ? "light" : "dark");
    button.setAttribute("aria-label", theme() === "light" ? "Dark theme" : "Light theme");
    button.title = button.getAttribute("aria-label");
    changed();
  };
  system.addEventListener("change", apply);
  button.addEventListener("click", () => {
    chosen = theme() === "light" ? "dark" : "light";
    try {
      localStorage.setItem(KEPT, chosen);
    } catch {
      // A browser that keeps nothing still changes it for now.
    }
    apply();
  });
  apply();
}

function kept() {
  try {
    const word = localStorage.getItem(KEPT);
    return word === "light" || word === "dark" ? word : "";
  } catch {
    return "";
  }
}
