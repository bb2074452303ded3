import type { ReactNode } from 'react'
import { drawings } from './drawings'

/** The golden angle in degrees: multiples of it give neighbouring ids very different hues. */
const GOLDEN_ANGLE = 137.508

interface PictureProps {
  readonly id: number
  readonly className?: string
}

/** The picture of an item. Hidden from screen readers, since the name is beside it. */
export function Picture({ id, className }: PictureProps) {
  return (
    <svg className={`picture ${className ?? ''}`} viewBox="0 0 120 120" aria-hidden="true">
      <ellipse className="picture-shade" cx="60" cy="101" rx="36" ry="5" />
      {drawings[id] ?? <Parcel />}
    </svg>
  )
}

/** The hue of the background of an item's picture, in degrees. */
export function hueOf(id: number): number {
  return Math.round((30 + id * GOLDEN_ANGLE) % 360)
}

/** The picture of an item without a drawing. */
function Parcel(): ReactNode {
  return (
    <g>
      <path fill="#d9b48a" d="M28 50l32-14 32 14v38l-32 14-32-14z" />
      <path fill="#c39a6b" d="M60 64l32-14v38l-32 14z" />
      <path fill="#e8caa5" d="M28 50l32-14 32 14-32 14z" />
      <path fill="#b5523b" d="M42 44l32 14v10l-6 2-1-8-31-15z" />
    </g>
  )
}
