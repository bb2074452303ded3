import type { ReactNode } from 'react'

const teapot = (
  <g>
    <path fill="none" stroke="#8d4a35" strokeWidth="7" strokeLinecap="round" d="M86 56c16-4 20 24 0 24" />
    <path fill="#b9654a" d="M36 66C26 62 22 50 13 48l2-6c14 0 20 10 24 14z" />
    <path fill="#c9745a" d="M60 42c20 0 31 14 31 30 0 16-12 28-31 28S29 88 29 72c0-16 11-30 31-30z" />
    <path fill="#d98a70" d="M40 62c3-8 9-13 16-14 2 0 2 3 0 4-6 2-9 6-11 11-1 3-6 2-5-1z" />
    <path fill="#8d4a35" d="M42 45c4-8 32-8 36 0-10 4-26 4-36 0z" />
    <circle fill="#8d4a35" cx="60" cy="34" r="5" />
    <path fill="#a9583f" d="M34 84c14 8 38 8 52 0-5 10-14 16-26 16s-21-6-26-16z" />
  </g>
)

const mug = (
  <g>
    <path fill="none" stroke="#3f6a8a" strokeWidth="8" d="M80 56h6c16 0 16 26 0 26h-6" />
    <path fill="#5288ad" d="M30 44h54v44c0 8-6 13-13 13H43c-7 0-13-5-13-13z" />
    <ellipse fill="#3f6a8a" cx="57" cy="44" rx="27" ry="7" />
    <ellipse fill="#4b2e1f" cx="57" cy="45" rx="22" ry="4.5" />
    <path fill="#fff" opacity=".22" d="M37 54h7v36c0 3-7 2-7-3z" />
    <path
      fill="none"
      stroke="#8aa7ba"
      strokeWidth="3"
      strokeLinecap="round"
      d="M48 32c-5-6 5-8 0-15M62 32c-5-6 5-8 0-15"
    />
  </g>
)

const blanket = (
  <g>
    <path
      stroke="#d3be94"
      strokeWidth="3"
      strokeLinecap="round"
      d="M27 88v12M35 88v12M43 88v12M51 88v12M59 88v12M67 88v12M75 88v12M83 88v12M91 88v12"
    />
    <path fill="#f6ecd8" d="M32 22h54c6 0 10 4 10 10v58H22V32c0-6 4-10 10-10z" />
    <path fill="#fff" opacity=".45" d="M32 22h14v68H34V30z" />
    <path fill="#b5523b" d="M22 38h74v7H22zM22 68h74v7H22z" />
    <path fill="#d98a5f" d="M22 48h74v3H22zM22 62h74v3H22z" />
    <path fill="#e5d5b2" d="M86 22c6 0 10 4 10 10v58h-8V32c0-5-2-8-6-10z" />
    <path fill="#9c432f" d="M88 38h8v7h-8zM88 68h8v7h-8z" />
  </g>
)

const candle = (
  <g>
    <path fill="#ffd65c" d="M60 12c9 11 11 17 11 22a11 11 0 0 1-22 0c0-5 2-11 11-22z" />
    <path fill="#fff3c4" d="M60 24c4 6 5 9 5 11a5 5 0 0 1-10 0c0-2 1-5 5-11z" />
    <path stroke="#4b3a2a" strokeWidth="2.5" strokeLinecap="round" d="M60 42v9" />
    <path fill="#e9b44c" d="M44 54c0-4 32-4 32 0v46H44z" />
    <path fill="#f3c86a" d="M44 54c0-4 32-4 32 0 0 3-5 4-5 8s-6 4-6 0-4-4-10-4-11-1-11-4z" />
    <path fill="#fff" opacity=".3" d="M49 66h5v30h-5z" />
    <path fill="#8a6f4d" d="M36 98h48v3c0 2-2 4-4 4H40c-2 0-4-2-4-4z" />
  </g>
)

const monstera = (
  <g>
    <path
      fill="none"
      stroke="#3b7048"
      strokeWidth="3.5"
      strokeLinecap="round"
      d="M60 76C58 60 44 54 38 46M60 76c0-22 4-34 10-42M60 76c4-14 14-18 24-20"
    />
    <path fill="#3f8f5a" d="M44 26C26 24 16 40 22 58c6-1 8-4 8-4l-2 8c12 2 22-6 22-20 0-7-2-13-6-16zM33 42l9-6-5 11z" />
    <path fill="#54a970" d="M74 12c-14 6-18 22-8 36 4-3 5-7 5-7l2 9c12-2 17-14 13-26-2-6-6-10-12-12zM72 28l6-4-2 10z" />
    <path fill="#347a4b" d="M100 44c-12-6-25 2-25 16 0 3 1 6 2 8 4-1 6-5 6-5v8c10 2 19-6 21-16 0-5-1-8-4-11z" />
    <path fill="#c9745a" d="M38 74h44l-5 26c0 3-3 5-6 5H49c-3 0-6-2-6-5z" />
    <path fill="#b2614a" d="M35 70h50v9H35z" />
  </g>
)

const notebook = (
  <g>
    <path fill="#23324a" d="M32 22h50c4 0 7 3 7 7v66c0 4-3 7-7 7H32z" />
    <path fill="#314667" d="M40 22h42c4 0 7 3 7 7v66c0 4-3 7-7 7H40z" />
    <path fill="#f4ead6" d="M50 38h28v18H50z" />
    <path stroke="#8a7b5f" strokeWidth="2.5" strokeLinecap="round" d="M55 45h18M55 50h12" />
    <path fill="#d65f4c" d="M80 22h5v60l-2.5-4-2.5 4z" />
    <path stroke="#e8e0d0" strokeWidth="3" strokeLinecap="round" d="M28 34h8M28 50h8M28 66h8M28 82h8" />
  </g>
)

const pen = (
  <g transform="rotate(42 60 60)">
    <path fill="#1f3d36" d="M53 8h14v44H53z" />
    <path fill="#2c564c" d="M53 8h5v44h-5z" />
    <path fill="#d9b44a" d="M52 50h16v6H52zM66 14h5v28l-3 4h-2z" />
    <path fill="#17302a" d="M54 56h12l-2 22h-8z" />
    <path fill="#e3c567" d="M55 78h10l-5 30z" />
    <path stroke="#8a6d1f" strokeWidth="1.6" d="M60 84v18" />
    <circle fill="#8a6d1f" cx="60" cy="84" r="2" />
  </g>
)

const honey = (
  <g>
    <path fill="#f0a92e" d="M32 46h56c4 8 5 14 5 24 0 20-8 32-18 32H45C35 102 27 90 27 70c0-10 1-16 5-24z" />
    <path fill="#f7c55c" d="M36 54c-4 12-4 30 2 40 2 3 6 1 4-3-4-10-4-24-1-36 1-4-4-5-5-1z" />
    <path fill="#fff6e0" d="M40 62h40v24H40z" />
    <path fill="#e09a1e" d="M60 65l8 4.5v9L60 83l-8-4.5v-9z" />
    <path fill="#7a4a1d" d="M30 32h60c3 0 5 2 5 5v6c0 3-2 5-5 5H30c-3 0-5-2-5-5v-6c0-3 2-5 5-5z" />
    <path fill="#935c2a" d="M30 32h60c3 0 5 2 5 5v1H25v-1c0-3 2-5 5-5z" />
  </g>
)

const chocolate = (
  <g transform="rotate(-8 60 60)">
    <path fill="#4a2a1c" d="M32 18h56v50H32z" />
    <path
      fill="#6a3f2b"
      d="M35 21h15v14H35zM53 21h15v14H53zM71 21h14v14H71zM35 38h15v14H35zM53 38h15v14H53zM71 38h14v14H71z"
    />
    <path
      fill="#835240"
      d="M35 21h15v3H35zM53 21h15v3H53zM71 21h14v3H71zM35 38h15v3H35zM53 38h15v3H53zM71 38h14v3H71z"
    />
    <path fill="#e7e2d8" d="M29 60l6-6 6 5 6-6 6 6 6-6 6 6 6-6 6 6 6-5 8 6v8H29z" />
    <path fill="#7d2f3e" d="M29 66h62v34c0 2-2 4-4 4H33c-2 0-4-2-4-4z" />
    <path fill="#9c4354" d="M38 76h44v14H38z" />
    <path stroke="#f2d9c2" strokeWidth="3" strokeLinecap="round" d="M45 83h30" />
  </g>
)

const loaf = (
  <g>
    <path fill="#a8672f" d="M20 72c0-20 18-32 40-32s40 12 40 32c0 16-10 28-24 28H44c-14 0-24-12-24-28z" />
    <path fill="#c4823f" d="M24 68c2-16 18-25 36-25s34 9 36 25c-8 10-22 14-36 14s-28-4-36-14z" />
    <path
      fill="#f1d9a8"
      d="M40 50c6 4 10 12 10 22l-6-2c-1-8-4-14-9-17zM58 46c6 4 9 14 9 26h-6c-1-10-3-18-8-24zM76 49c6 5 8 12 7 21l-6 1c0-8-2-14-6-19z"
    />
    <path fill="#fff" opacity=".35" d="M30 60c4-6 10-10 16-12l2 2c-6 3-11 7-14 12z" />
  </g>
)

const tote = (
  <g>
    <path fill="none" stroke="#b59a6a" strokeWidth="5" d="M44 50V34c0-18 32-18 32 0v16" />
    <path fill="#efe2c4" d="M28 46h64l6 52c0 3-2 6-6 6H28c-4 0-6-3-6-6z" />
    <path fill="#dccaa0" d="M28 46h64l1 8H27z" />
    <path
      fill="#17694b"
      d="M46 68h28a2 2 0 0 1 2 2v4a4 4 0 0 0 0 8v4a2 2 0 0 1-2 2H46a2 2 0 0 1-2-2v-4a4 4 0 0 0 0-8v-4a2 2 0 0 1 2-2z"
    />
    <path stroke="#efe2c4" strokeWidth="2.5" strokeDasharray="3 3" d="M66 70v16" />
  </g>
)

const basket = (
  <g>
    <path fill="none" stroke="#8a5a2b" strokeWidth="6" d="M30 56C30 14 90 14 90 56" />
    <path fill="#f3efe6" d="M24 50c8-6 64-6 72 0l-2 16H26z" />
    <path fill="#d65f4c" d="M34 47h8v18h-8zM50 46h8v19h-8zM66 46h8v19h-8zM82 48h7v17h-7z" />
    <path fill="#c08a4a" d="M20 60h80l-8 38c-1 4-3 6-7 6H35c-4 0-6-2-7-6z" />
    <path
      fill="none"
      stroke="#9a6a34"
      strokeWidth="3"
      d="M22 70h76M24 82h72M27 94h66M40 60l4 44M60 60v44M80 60l-4 44"
    />
    <path fill="#a87538" d="M18 57h84v7H18z" />
  </g>
)

/** The items, by their number in the catalogue. */
export const drawings: Readonly<Record<number, ReactNode>> = {
  1: teapot,
  2: mug,
  3: blanket,
  4: candle,
  5: monstera,
  6: notebook,
  7: pen,
  8: honey,
  9: chocolate,
  10: loaf,
  11: tote,
  12: basket,
}
