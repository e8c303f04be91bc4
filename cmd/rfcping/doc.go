// Command rfcping answers the question why a system cannot be reached by RFC, and calls,
// describes, searches, serves and decodes.
//
// Without a sub-command it walks the way to a system step by step: config, dns, tcp, ni,
// gateway, logon, ping, system, metadata, echo, serializer, latency, pool. A message server, routers
// and proxies (route), and TLS with WebSocket in place of NI and gateway are steps where a
// destination has them. Each step has a status, a
// duration, facts and a hint; a failing step ends the chain, the others are skipped. There
// is one logon attempt at most until one has succeeded, whatever was asked for: refused attempts
// lock users. The step pool then opens more connections, for destinations and with -c.
//
//	rfcping --embedded                  # the built-in system, no set-up
//	rfcping --embedded --via socks5     # the same through a proxy; also ws, router, group
//	rfcping A4H                         # a destination by its name
//	rfcping --props A4H.jcoDestination -p jco.client.lang=DE
//	rfcping --ashost H --sysnr 00 --client 100 --user U --password-env RFC_PASSWORD
//	rfcping --ashost H --sysnr 00 --no-logon
//	rfcping call --embedded STFC_CONNECTION '{"REQUTEXT":"hello"}'
//	rfcping serve --cpic 127.0.0.1:3300 --user U --password-env RFC_PASSWORD
//	rfcping decode trace.pcapng
//
// Settings are those of a destination, in any form that package destination reads, with flags
// and -p KEY=VALUE over them; the step config shows each value with its source.
//
// A password comes from the destination, an environment variable, a file or a prompt, never
// from a flag: the process list shows flags. It is no part of any output or recording.
//
// # Exit codes
//
//	0   fine
//	1   usage or configuration
//	2   DNS
//	3   TCP
//	4   route or proxy
//	5   TLS
//	6   gateway or message server, or the connection broke
//	7   logon
//	8   authorization
//	9   ABAP error in a called module
//	10  protocol or decode
//	11  limit of --slo exceeded (not in this release)
//	12  timeout, in whatever step
//	13  interrupted
//
// The program stands above all packages and holds no knowledge of bytes of its own. It
// does not repeat anything: no retry, no second logon.
package main
