// Package msgserver finds application servers: it asks a message server for one of a logon
// group, as RFC clients do, and is a message server that answers.
//
// Client speaks the binary protocol (logon group, server list, text lists), HTTP the text
// interface that some message servers have as well; both answer with a Target. Groups makes
// connections of answers: several message servers, answers that are reused while they are
// young, the next server when one is dead, quarantine with back-off. Message, Logon and
// Entry are the records, which Client, Server and the dissector share.
//
// Wire document: spec 11. Records are framed by package ni.
//
// The protocol is neither protected nor authenticated: who answers for a message server
// decides where clients go. The package refuses answers that could mean something else than
// a host and a port, and knows nothing of the conversation behind them. It never registers
// an application server and has nothing for the internal port of a message server.
package msgserver
