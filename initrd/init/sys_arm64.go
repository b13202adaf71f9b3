package main

// sysFinitModule is missing in package syscall, which was frozen before it.
const sysFinitModule = 273
