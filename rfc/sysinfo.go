package rfc

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/serialization"
)

// SystemInfo is the structure RFCSI that the module RFC_SYSTEM_INFO returns: what a system
// says of itself without a business authorization. Lengths are in characters.
//
// Source: spec 24.6, 42.4 [capture].
type SystemInfo struct {
	Protocol    string `rfc:"RFCPROTO,char=3" json:"protocol"`
	CharType    string `rfc:"RFCCHARTYP,char=4" json:"charType"`  // code page
	IntType     string `rfc:"RFCINTTYP,char=3" json:"intType"`    // LIT or BIG
	FloatType   string `rfc:"RFCFLOTYP,char=3" json:"floatType"`  // IE3
	Destination string `rfc:"RFCDEST,char=32" json:"destination"` // host_SID_NN
	Host        string `rfc:"RFCHOST,char=8" json:"host"`
	SystemID    string `rfc:"RFCSYSID,char=8" json:"systemId"`
	Database    string `rfc:"RFCDATABS,char=8" json:"database"`
	DBHost      string `rfc:"RFCDBHOST,char=32" json:"dbHost"`
	DBSystem    string `rfc:"RFCDBSYS,char=10" json:"dbSystem"`
	Release     string `rfc:"RFCSAPRL,char=4" json:"release"`
	Machine     string `rfc:"RFCMACH,char=5" json:"machine"`
	OS          string `rfc:"RFCOPSYS,char=10" json:"os"`
	Zone        string `rfc:"RFCTZONE,char=6" json:"zone"` // seconds from UTC, sign behind the digits
	Daylight    string `rfc:"RFCDAYST,char=1" json:"daylight"`
	Address     string `rfc:"RFCIPADDR,char=15" json:"address"` // IPv4
	Kernel      string `rfc:"RFCKERNRL,char=4" json:"kernel"`
	LongHost    string `rfc:"RFCHOST2,char=32" json:"longHost"`
	Reserved    string `rfc:"RFCSI_RESV,char=12" json:"reserved"` // see Formats
	LongAddress string `rfc:"RFCIPV6ADDR,char=45" json:"longAddress"`
}

// Formats says which serialization formats beyond the classic one the system reads: those
// of this project's own hosts; none for any SAP system.
func (i *SystemInfo) Formats() Formats { return parseFormats(i.Reserved) }

// Formats is a set of features of the format OFS1 that a partner announced. It is empty for
// every SAP system, which therefore never receives it.
//
// Source: spec 22.6.
type Formats uint32

// The features.
const (
	FormatRow     Formats = 1 << 0 // row layout
	FormatColumn  Formats = 1 << 1 // columnar layout
	FormatLZ4     Formats = 1 << 2
	FormatDeflate Formats = 1 << 3
	FormatLZH     Formats = 1 << 4
	FormatBlocks  Formats = 1 << 6 // tables go on from block to block, in requests too
)

// hostFormats is what Session serves.
const hostFormats = FormatRow | FormatColumn | FormatLZ4 | FormatDeflate | FormatLZH | FormatBlocks

const formatsMark = "OFS1"

// marker is the text of RFCSI_RESV, 12 characters.
func (f Formats) marker() string {
	digits := strings.ToUpper(strconv.FormatUint(uint64(f), 16))
	return formatsMark + strings.Repeat("0", 8-len(digits)) + digits
}

// parseFormats reads RFCSI_RESV; anything but a marker is the empty set.
func parseFormats(s string) Formats {
	if len(s) != len(formatsMark)+8 || !strings.HasPrefix(s, formatsMark) {
		return 0
	}
	n, err := strconv.ParseUint(s[len(formatsMark):], 16, 32)
	if err != nil {
		return 0
	}
	return Formats(n)
}

// reads reports whether a partner with these features reads a format.
func (f Formats) reads(format serialization.Format) bool {
	switch format {
	case serialization.RowFast:
		return f&FormatRow != 0
	case serialization.ColumnFast:
		return f&FormatColumn != 0
	default:
		return true
	}
}

type systemInfoOut struct {
	Info SystemInfo `rfc:"RFCSI_EXPORT,type=RFCSI"`
}

// systemInfoFunction is the part of the interface of RFC_SYSTEM_INFO that this package uses.
var systemInfoFunction = sync.OnceValues(func() (*metadata.Function, error) {
	return InterfaceOf[struct{}, systemInfoOut](systemInfoName)
})

const systemInfoName = "RFC_SYSTEM_INFO"

// SystemInfo asks the partner for its facts with RFC_SYSTEM_INFO. Older systems have a
// shorter structure: what they lack is empty.
func (c *Conn) SystemInfo(ctx context.Context) (SystemInfo, error) {
	f, err := systemInfoFunction()
	if err != nil {
		return SystemInfo{}, err
	}
	out, err := Call[systemInfoOut](ctx, c, f.Name, nil, WithInterface(f), WithValues(serialization.Options{AnyRowWidth: true}), WithFormat(serialization.Classic))
	if err == nil {
		c.formats.Store(formatsKnown | uint64(out.Info.Formats()))
	}
	return out.Info, err
}

// SystemInfo is what this side answers to RFC_SYSTEM_INFO. Asking for it offers the formats
// of this project to the caller of this session, unless one side has no Unicode.
func (s *Session) SystemInfo() SystemInfo {
	sys := s.System()
	short := func(text string, n int) string {
		if r := []rune(text); len(r) > n {
			return string(r[:n])
		}
		return text
	}
	info := SystemInfo{
		Protocol: "011", CharType: pageOf(s.own).Number(), IntType: "LIT", FloatType: "IE3",
		Destination: short(sys.Host+"_"+sys.ID+"_"+sys.Number, 32), Host: short(sys.Host, 8), SystemID: sys.ID,
		Database: sys.ID, DBHost: short(sys.Host, 32), DBSystem: "NONE", Release: short(sys.Release, 4), Machine: "390",
		OS: "Linux", Kernel: short(sys.KernelRelease, 4), LongHost: short(sys.Host, 32),
	}
	if s.write.Unicode() {
		info.Reserved, s.offered = hostFormats.marker(), true
	}
	if s.own.BigEndian {
		info.IntType = "BIG"
	}
	if ip := net.ParseIP(sys.Address); ip != nil {
		if info.LongAddress = ip.String(); ip.To4() != nil {
			info.Address = info.LongAddress
		}
	}
	return info
}

// systemInfoModule answers RFC_SYSTEM_INFO where the application has no module of this name.
var systemInfoModule = sync.OnceValues(func() (*Module, error) {
	f, err := systemInfoFunction()
	if err != nil {
		return nil, err
	}
	return &Module{Interface: f, Serve: func(_ context.Context, req *Request, reply *Reply) error {
		reply.Set(&systemInfoOut{req.Session().SystemInfo()})
		return nil
	}}, nil
})
