// Package capture reads and writes recordings of NI traffic: raw NI records (.bin),
// annotated hex dumps (.hex), JSON lines (.jsonl) and packet captures (.pcap, .pcapng).
// Tap records a live connection.
//
// It sits beside the frame layer and knows one wire fact only, the NI record: a u32
// big-endian length and that many bytes of payload (Source: spec 01.2 [capture]). It
// does not look into a payload, so it neither guesses the direction of a raw file nor
// decodes gateway, APPC or RFC records, and it masks no secret by itself: a recording
// holds what the wire carried unless the hook of Tap changes it.
//
// Reading never trusts a length: memory follows the bytes that were really read, within
// the limits of limits.go. What was complete before damage is returned with the error.
package capture
