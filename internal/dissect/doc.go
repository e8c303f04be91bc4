// Package dissect turns the NI frames of a recording into readable records: gateway and
// APPC headers with every field by its name, the RFC field chain with tags, function and
// parameters, SAProuter requests and message-server records. rfcping decode prints them;
// tests hold captures against them.
//
// It stands beside the programs and uses the codecs of ni, cpic, rfc and internal/chain:
// a header is read by the same code that talks to a system. Wire documents: spec 01, 02,
// 03, 04, 10, 11, 40, 41.
//
// What a record means depends on what was said before it, so a Decoder keeps the state of
// each stream: which code page a side writes, and a message that travels in several
// records. A recording may begin anywhere: without a logon, code page and direction are
// guessed from the bytes.
//
// It does not know the interface of a function module. Values of parameters are guessed
// as text, number or bytes; use package rfc for values. Binary XML is shown as the elements
// it holds. It does not decompress tables and does not look into SNC frames. Of SAP's fast
// serialization (5001) it shows what internal/fastser reads, of this project's own blocks
// (7e01) everything but the values.
//
// Secrets (passwords, tickets, trust data, SAProuter passwords and parameters whose name
// says that they are a password) are never part of a record, whatever the form of output;
// Redactor removes them from recordings. Nested fields of XML documents are not looked at. A
// container of parameters (4001, 4002, 5001, 7e01) is removed as a whole if it names a
// password in the record at hand; a compressed one may hide the name, and then the value stays.
package dissect
