// Jest's usual way: everything becomes CommonJS, packages that are ES modules too when they are named here.
module.exports = {
  testEnvironment: 'jest-fixed-jsdom',
  transform: { '\\.js$': ['babel-jest', { plugins: ['@babel/plugin-transform-modules-commonjs'] }] },
  transformIgnorePatterns: ['/node_modules/(?!guestpass/)'],
  // Its entry for browsers looks for a file beside itself, for which CommonJS has no words.
  moduleNameMapper: { '^guestpass$': 'guestpass/inline' },
}
