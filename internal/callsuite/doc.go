// Package callsuite is the table of calls that every road to an RFC endpoint has to carry: CPIC,
// WebSocket, routers, groups, proxies. A test opens a connection to an rfctest system over its
// road and runs the table. It belongs to the shelf of tests beside rfctest.
package callsuite
