// Jest as it is by default: all modules become CommonJS. The packages that are ES modules must be named.
module.exports = {
  testEnvironment: 'jest-fixed-jsdom',
  transform: { '\\.js$': ['babel-jest', { plugins: ['@babel/plugin-transform-modules-commonjs'] }] },
  transformIgnorePatterns: ['/node_modules/(?!guestpass/)'],
  // The entry for browsers finds the compiled code by `import.meta`, which CommonJS does not have.
  moduleNameMapper: { '^guestpass$': 'guestpass/inline' },
}
