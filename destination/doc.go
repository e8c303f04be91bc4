// Package destination is the front door: it turns the settings of a destination into a
// logged-on connection, step by step, so that an error says how far it got.
//
// Settings are a Config, or Properties under the names that users of JCo and of the NW RFC
// SDK know: AllProperties lists them, ParseProperties reads them, and Effective says what
// they mean and where each value comes from. A Provider finds Properties by the name of a
// destination: Directory, File, Environment, Memory, and Chain for several of them; Load does
// both steps.
//
// Dial opens single connections over CPIC; New makes a Destination that pools them, and Open
// gives that of a name. A Catalog opens names of its own providers and follows their changes.
package destination
