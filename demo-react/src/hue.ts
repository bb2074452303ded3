/** Steps of the golden angle keep neighbouring numbers far apart on the colour wheel. */
const GOLDEN_ANGLE = 137.508

/** A hue for the gradient behind an item's picture, in degrees: always the same one for the same item. */
export function hueOf(id: number): number {
  return Math.round((30 + id * GOLDEN_ANGLE) % 360)
}
