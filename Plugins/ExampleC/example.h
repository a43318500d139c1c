/* SwiftPM wants a folder of public headers; the example has nothing to offer but its entry. */
