package destination

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

// Policy says what a destination may be used for. It holds for every call through Destination,
// Session and what With makes of them, and over connections of Dial: a call that it forbids fails
// before anything is sent or looked up, with rfc.ErrDenied.
//
// It guards a program against its own mistakes and against names that come from outside. What a
// user may do is decided by the system. Calls of the partner during ours are not subject to it:
// it can call what Config.Callbacks serves, and nothing else.
//
// Patterns are names of function modules in which * stands for any characters, none included, as
// Z_* or /ACME/*; case does not count.
type Policy struct {
	// Allow are the function modules that may be called (go.policy.allow). Default: all. What this
	// library asks by itself (LibraryModules) needs no permission.
	Allow []string
	// Deny are those that may not (go.policy.deny), whatever Allow says. LibraryModules can be
	// denied as well; then nothing of an unknown interface can be called.
	Deny []string
	// ReadOnly allows what only reads (go.policy.read_only): ReadOnlyModules and, because no
	// system tells which modules change nothing, those that Allow names. BAPI_TRANSACTION_COMMIT
	// is denied whatever Allow says.
	ReadOnly bool
	// ForbidPlainLogon refuses to log on with a password that nothing protects on its way
	// (go.policy.forbid_plain_logon), with rfc.ErrSecurity, before any connection: plain CPIC only
	// obfuscates it. There is no exception for this machine. Without it Config.Logger gets one
	// warning for each destination in a process.
	ForbidPlainLogon bool
}

var libraryModules = []string{
	"RFC_METADATA_GET", "RFC_METADATA_GET_TIMESTAMP", "RFC_GET_FUNCTION_INTERFACE", "DDIF_FIELDINFO_GET", "RFC_GET_STRUCTURE_DEFINITION",
	"RFC_FUNCTION_SEARCH", "RFC_PING", "RFC_SYSTEM_INFO", "SYSTEM_RESET_RFC_SERVER",
}

// LibraryModules lists the function modules that this library calls by itself: to describe
// others, to see whether a connection lives, and to end a session. They change nothing that
// lasts. The slice is the caller's.
func LibraryModules() []string { return slices.Clone(libraryModules) }

// readOnlyModules is our choice: names that public documentation describes as reading, and the
// forms of names that BAPIs have that read (Get..., ExistenceCheck) [doc]. RFC_READ_TABLE reads
// any table that its user may.
var readOnlyModules = []string{
	"RFC_READ_TABLE", "RFC_GET_*", "RFCPING", "RFC_PING_AND_WAIT",
	"STFC_CONNECTION", "STFC_STRUCTURE", "STFC_CHANGING", "STFC_STRING", "STFC_PERFORMANCE", "STFC_DEEP_STRUCTURE", "STFC_DEEP_TABLE",
	"BAPI_*_GET", "BAPI_*_GET_*", "BAPI_*_GETLIST", "BAPI_*_GETDETAIL", "BAPI_*_GET_DETAIL", "BAPI_*GETLIST", "BAPI_*GETDETAIL", "BAPI_*_EXISTENCECHECK", "BAPI_*_EXISTENCE_CHECK",
	"BAPI_TRANSACTION_ROLLBACK",
}

// ReadOnlyModules lists the patterns that Policy.ReadOnly allows by itself. The slice is the
// caller's.
func ReadOnlyModules() []string { return slices.Clone(readOnlyModules) }

// commit is what makes changes last.
const commit = "BAPI_TRANSACTION_COMMIT"

// restricts reports whether there is anything to check for a call.
func (p *Policy) restricts() bool { return p.ReadOnly || len(p.Allow)+len(p.Deny) > 0 }

// Check says whether a function module may be called. The error is an *rfc.Error of the class
// Denied that names the setting.
func (p *Policy) Check(function string) error {
	if !p.restricts() {
		return nil
	}
	name := strings.ToUpper(strings.TrimSpace(function))
	if pattern, ok := matching(p.Deny, name); ok {
		return denied(function, "%s (%s) forbids it", KeyPolicyDeny, pattern)
	}
	if slices.Contains(libraryModules, name) {
		return nil
	}
	if p.ReadOnly && name == commit {
		return denied(function, "%s is set: nothing that is changed may be committed", KeyPolicyReadOnly)
	}
	if _, ok := matching(p.Allow, name); ok {
		return nil
	}
	if p.ReadOnly {
		if _, ok := matching(readOnlyModules, name); ok {
			return nil
		}
		return denied(function, "%s is set, and nobody says that it only reads; if it does, name it in %s", KeyPolicyReadOnly, KeyPolicyAllow)
	}
	if len(p.Allow) > 0 {
		return denied(function, "it is not in %s (%s)", KeyPolicyAllow, list(p.Allow))
	}
	return nil
}

func denied(function, format string, args ...any) *rfc.Error {
	return &rfc.Error{
		Class: rfc.ClassDenied, Step: rfc.StepConfig, Outcome: rfc.NotSent, Key: "RFC_AUTHORIZATION_FAILURE", Function: function,
		Message: "the policy of the destination does not allow the call: " + fmt.Sprintf(format, args...),
	}
}

// list shows some patterns.
func list(patterns []string) string {
	const shown = 5
	if len(patterns) > shown {
		return strings.Join(patterns[:shown], ", ") + fmt.Sprintf(" and %d more", len(patterns)-shown)
	}
	return strings.Join(patterns, ", ")
}

// matching finds a pattern that stands for a name in capitals.
func matching(patterns []string, name string) (string, bool) {
	for _, p := range patterns {
		if matches(strings.ToUpper(p), name) {
			return p, true
		}
	}
	return "", false
}

// matches compares from star to star: what stands between two of them may be where it comes
// first, so that nothing is tried twice.
func matches(pattern, name string) bool {
	head, rest, ok := strings.Cut(pattern, "*")
	if !ok {
		return pattern == name
	}
	name, ok = strings.CutPrefix(name, head)
	for ok {
		var part string
		if part, rest, ok = strings.Cut(rest, "*"); !ok {
			return strings.HasSuffix(name, part)
		}
		var found bool
		if _, name, found = strings.Cut(name, part); !found {
			return false
		}
	}
	return false
}

// allowedPatterns is what formPatterns allows.
const allowedPatterns = "names of function modules separated by commas, * for any characters"

// formPatterns checks a list of patterns.
func formPatterns(v string) string {
	for _, p := range patternsOf(v) {
		if wrong := formPattern(p); wrong != nil {
			return fmt.Sprintf("%s: %v; %s required", found(p), wrong, allowedPatterns)
		}
	}
	return ""
}

func formPattern(p string) error {
	// A pattern is a name in which stars stand for something.
	if strings.ContainsAny(p, ",;") {
		return errors.New("one name at a time")
	}
	return metadata.CheckName(strings.ToUpper(strings.ReplaceAll(p, "*", "X")))
}

// tidyPatterns writes lists in one way.
func tidyPatterns(v string) string { return strings.Join(patternsOf(v), ",") }

func patternsOf(v string) []string {
	return strings.FieldsFunc(strings.ToUpper(v), func(r rune) bool { return strings.ContainsRune(", \t\r\n\f;", r) })
}

func patterns(at func(*Policy) *[]string) func(*Config) string {
	return func(c *Config) string { return tidyPatterns(strings.Join(*at(&c.Policy), ",")) }
}

func setPatterns(at func(*Policy) *[]string) func(*Config, string) {
	return func(c *Config, v string) { *at(&c.Policy) = patternsOf(v) }
}

// permit asks the policy for a connection that nobody else asks it for.
func (c *Config) permit() func(function string) error {
	if !c.Policy.restricts() {
		return nil
	}
	p := c.Policy
	return p.Check
}

// guarded refuses a password that nothing would protect.
func (c *Config) guarded() error {
	if !c.Policy.ForbidPlainLogon || c.Password == "" || !c.plain() {
		return nil
	}
	return &rfc.Error{
		Class: rfc.ClassSecurity, Step: rfc.StepConfig, Outcome: rfc.NotSent, Key: "RFC_COMMUNICATION_FAILURE", Destination: c.Name,
		Message: "the password would travel in clear, which " + KeyPolicyForbidPlainLogon + " forbids: CPIC without SNC only obfuscates it; protect the road by SNC or take WebSocket RFC over TLS",
	}
}

// clearTold are the destinations, by name and host, whose password was said to travel in clear.
var clearTold sync.Map

// tellClear warns about a password that nothing protects, once for each destination in a process.
func (c *Config) tellClear(ctx context.Context) {
	if c.Logger == nil || c.Password == "" {
		return
	}
	which := [2]string{c.Name, c.ApplicationServer}
	if _, told := clearTold.Load(which); told || !c.plain() {
		return
	}
	if _, told := clearTold.LoadOrStore(which, true); told {
		return
	}
	guarded(func() {
		c.Logger.LogAttrs(ctx, slog.LevelWarn, "the password travels in clear", slog.String("destination", c.Name), slog.String("remedy",
			"CPIC without SNC only obfuscates it: take WebSocket RFC over TLS where others can listen; "+KeyPolicyForbidPlainLogon+" refuses such logons"))
	})
}

// plain reports whether nothing protects what is sent.
func (c *Config) plain() bool {
	s, _ := c.settings()
	return (s.value(KeyWSHost) == "" || s.value(KeyUseTLS) == "0") && s.value(KeySNCMode) != "1"
}
