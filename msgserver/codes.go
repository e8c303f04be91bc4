package msgserver

import (
	"fmt"
	"strings"
)

// Flag is the kind of a message.
//
// Source: spec 11 section 3.1 [dissector], the first four values [capture].
type Flag uint8

// The flags.
const (
	FlagUnknown Flag = 0
	OneWay      Flag = 1
	Request     Flag = 2
	Reply       Flag = 3
	Admin       Flag = 4
)

var flagNames = map[Flag]string{FlagUnknown: "MS_UNKNOWN", OneWay: "MS_ONE_WAY", Request: "MS_REQUEST", Reply: "MS_REPLY", Admin: "MS_ADMIN"}

// String gives the name of the wire.
func (f Flag) String() string {
	if s := flagNames[f]; s != "" {
		return s
	}
	return fmt.Sprintf("Flag(%d)", uint8(f))
}

// IFlag says what a message is for.
//
// Source: spec 11 section 3.1 [dissector]; SendName, Logout and Login2 [capture].
type IFlag uint8

// The iflags.
const (
	SendName    IFlag = 1
	SendType    IFlag = 2
	Login       IFlag = 3
	Logout      IFlag = 4
	AdmOpcodes  IFlag = 5
	ModMsgTypes IFlag = 6
	SendOnce    IFlag = 7
	Login2      IFlag = 8
	ModState    IFlag = 9
	SendService IFlag = 0x10
)

var iflagNames = map[IFlag]string{
	SendName: "MS_SEND_NAME", SendType: "MS_SEND_TYPE", Login: "MS_LOGIN", Logout: "MS_LOGOUT", AdmOpcodes: "MS_ADM_OPCODES",
	ModMsgTypes: "MS_MOD_MSGTYPES", SendOnce: "MS_SEND_TYPE_ONCE", Login2: "MS_LOGIN_2", ModState: "MS_MOD_STATE", SendService: "MS_SEND_SERVICE",
}

// String gives the name of the wire.
func (f IFlag) String() string {
	if s := iflagNames[f]; s != "" {
		return s
	}
	return fmt.Sprintf("MS_IFLAG_%d", uint8(f))
}

// Opcode is what a message with an operation asks for.
//
// Source: spec 11 sections 3.3 to 3.5 [capture], names [dissector].
type Opcode uint8

// The opcodes this package knows.
const (
	ServerList Opcode = 0x05
	Codepage   Opcode = 0x1c
	DumpInfo   Opcode = 0x1e
	SetLogon   Opcode = 0x2b
	GetLogon   Opcode = 0x2c
)

var opcodeNames = map[Opcode]string{ServerList: "MS_SERVER_LST", Codepage: "MS_GET_CODEPAGE", DumpInfo: "MS_DUMP_INFO", SetLogon: "MS_SET_LOGON", GetLogon: "MS_GET_LOGON"}

// String gives the name of the wire.
func (o Opcode) String() string {
	if s := opcodeNames[o]; s != "" {
		return s
	}
	return fmt.Sprintf("MS_OPCODE_%02X", uint8(o))
}

// HeaderError is the error number of a header; 0 or negative.
//
// Source: spec 11 section 3.6 [dissector], the offset to its table [inferred, high].
type HeaderError int8

// The header errors that decide what an error is.
const (
	ErrorNoMemory     HeaderError = -23
	ErrorNoSlot       HeaderError = -15
	ErrorWrongVersion HeaderError = -12
	ErrorDenied       HeaderError = -20
)

var headerErrors = map[HeaderError]string{
	0: "OK", -1: "MSEINTERN", -2: "MSENOMSG", -3: "MSEINVAL", -4: "MSENOTFOUND", -5: "MSEWAKEUP", -6: "MSEWRONGNAME", -7: "MSEWRONGTYPE",
	-8: "MSEPARTNERDIED", -9: "MSEPARTNERUNKNOWN", -10: "MSENOTUNIQUE", -11: "MSEMSGDESTROYED", -12: "MSEWRONGVERSION",
	-13: "MSEREPLYTOOLARGE", -14: "MSESHUTDOWN", -15: "MSENOSLOTFREE", -16: "MSESOCKTOOLARGE", -17: "MSEADMIN",
	-18: "MSEREADINCOMPLETE", -19: "MSEWRITEINCOMPLETE", -20: "MSEACCESSDENIED", -21: "MSETYPESNOTALLOWED", -22: "MSEHEADERINCOMPLETE",
	-23: "MSENOMEM", -25: "MSESOFTSHUTDOWN", -26: "MSEDUPKEY", -27: "MSESNDTYPEFAILED", -28: "MSEMOREDATA", -29: "MSEWRONGSERVER",
	-30: "MSEINVHDL", -31: "MSEALREADYINIT", -32: "MSENOTINIT", -33: "MSETESTSOFTSHUTDOWN", -100: "MSENILAYER", -101: "MSENIQUEUE",
	-102: "MSENISELREAD", -103: "MSENISELWRITE", -104: "MSERECONNECTION",
}

// String gives name and number.
func (e HeaderError) String() string {
	if s := headerErrors[e]; s != "" {
		return fmt.Sprintf("%s (%d)", s, int8(e))
	}
	return fmt.Sprintf("message server error %d", int8(e))
}

// OpError is the error number of an operation.
//
// Source: spec 11 section 3.7 [dissector].
type OpError uint8

// The operation errors that decide what an error is, or that Server sends.
const (
	OpUnknownOpcode OpError = 1
	OpDenied        OpError = 5
	OpNotSet        OpError = 19
	OpInvalid       OpError = 24
)

var opErrors = map[OpError]string{
	0: "OK", 1: "unknown opcode", 2: "no memory", 3: "security key not set", 4: "unknown client", 5: "access denied", 6: "request required",
	7: "name required", 9: "send failed", 10: "unknown domain", 11: "unknown server", 15: "file not found", 19: "not set", 24: "invalid",
	26: "unknown property", 27: "unknown version", 31: "ACL syntax",
}

// String gives name and number.
func (e OpError) String() string {
	if s := opErrors[e]; s != "" {
		return fmt.Sprintf("%s (%d)", s, uint8(e))
	}
	return fmt.Sprintf("operation error %d", uint8(e))
}

// Types is the mask of the services an application server has.
//
// Source: spec 11 section 3.1 [capture].
type Types uint8

// The services.
const (
	DIA Types = 1 << iota
	UPD
	ENQ
	BTC
	SPO
	UP2
	ATP
	ICM
)

// TypeNames are the services by bit, from bit 0 up.
var TypeNames = [8]string{"DIA", "UPD", "ENQ", "BTC", "SPO", "UP2", "ATP", "ICM"}

// String lists the services as the text interfaces do: DIA UPD BTC.
func (t Types) String() string {
	var list []string
	for i, name := range TypeNames {
		if t&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return strings.Join(list, " ")
}

// Status is the state of an application server.
//
// Source: spec 11 section 3.5 [capture], names [dissector].
type Status uint8

// The states.
const (
	Active   Status = 1
	Inactive Status = 2
	Shutdown Status = 3
	Stopped  Status = 4
	Starting Status = 5
	Init     Status = 6
)

var statusNames = map[Status]string{Active: "active", Inactive: "inactive", Shutdown: "shutdown", Stopped: "stop", Starting: "starting", Init: "init"}

// String gives the name; empty for an unknown state.
func (s Status) String() string { return statusNames[s] }
