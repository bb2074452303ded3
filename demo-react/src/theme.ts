import type { Preferences } from './api/account'

/** Shows the page in a theme; without one, as the device prefers. */
export function showTheme(theme: Preferences['theme']): void {
  if (theme) document.documentElement.dataset.theme = theme
  else delete document.documentElement.dataset.theme
}
