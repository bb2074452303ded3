import type { Item } from '../api/shop'

/** The golden angle in degrees: multiples of it give neighbouring ids very different hues. */
const GOLDEN_ANGLE = 137.508

/** The picture of an item without a picture, and of an item whose picture does not load. */
const PARCEL = '/pictures/parcel.svg'

interface PictureProps {
  readonly item: Pick<Item, 'picture'> | null
}

/** The picture of an item. Hidden from screen readers, since the name is beside it. */
export function Picture({ item }: PictureProps) {
  return (
    <img
      className="picture"
      src={item?.picture ? urlOf(item.picture) : PARCEL}
      alt=""
      draggable={false}
      onError={({ currentTarget }) => {
        if (!currentTarget.src.endsWith(PARCEL)) currentTarget.src = PARCEL
      }}
    />
  )
}

/** The URL of a picture. A path without a slash at the start is relative to the first page, not to the present one. */
function urlOf(picture: string): string {
  return /^(\/|[a-z]+:)/i.test(picture) ? picture : `/${picture}`
}

/** The hue of the background of an item's picture, in degrees. */
export function hueOf(id: string): number {
  const number = /^\d+$/.test(id) ? Number(id) : [...id].reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0)
  return Math.round((30 + number * GOLDEN_ANGLE) % 360)
}
