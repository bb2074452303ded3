import app from './next.app.mjs'

export default { ...app, output: 'standalone', transpilePackages: ['shop-session'] }
