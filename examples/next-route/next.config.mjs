/** The SQLite driver is loaded when the server starts: bundled into the route, it would not be found. */
export default { serverExternalPackages: ['oncekey'] };
