// Package chain reads and writes the RFC field chain, the flat list of tagged items
// that is the application data of every classic RFC message:
//
//	u16 tag | u16 length | value | u16 tag again
//
// big-endian, ended by the item ffff of length 0. One place knows the tags and the
// item form; logon, calls, serializers and the dump of rfcping share it.
//
// Wire documents: spec 03 section 1, spec 04 section 11, spec 41.1.
//
// The package does not interpret values and performs no I/O: a Reader pulls message
// fragments from whoever receives them.
package chain
