import type { Preferences } from './api/account'

/** Sets the theme of the page. Without a theme, the page follows the device. */
export function showTheme(theme: Preferences['theme']): void {
  if (theme) document.documentElement.dataset.theme = theme
  else delete document.documentElement.dataset.theme
}
