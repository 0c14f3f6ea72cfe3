// Runs before anything is drawn, so that nothing flashes in the colours that were not chosen.
try {
  const theme = localStorage.getItem("oga-theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // A browser that keeps nothing goes by what the system prefers.
}
