// Jest with ES modules as they are: node --experimental-vm-modules.
module.exports = { testEnvironment: 'jest-fixed-jsdom', transform: {} }
