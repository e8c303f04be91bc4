package rfctest

import (
	"context"
	"time"

	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/rfc"
)

// systemArea are the modules about the connection and the system itself.
func systemArea() area {
	return area{
		types: func(d *metadata.Dictionary) {
			// The lengths add up to the captured 245 characters.
			d.Structure("RFCSI", `RFCPROTO:C3 RFCCHARTYP:C4 RFCINTTYP:C3 RFCFLOTYP:C3 RFCDEST:C32 RFCHOST:C8 RFCSYSID:C8
				RFCDATABS:C8 RFCDBHOST:C32 RFCDBSYS:C10 RFCSAPRL:C4 RFCMACH:C5 RFCOPSYS:C10 RFCTZONE:C6 RFCDAYST:C1
				RFCIPADDR:C15 RFCKERNRL:C4 RFCHOST2:C32 RFCSI_RESV:C12 RFCIPV6ADDR:C45`)
			d.Structure("RFCFUNC", "FUNCNAME:C30 GROUPNAME:C26 APPL:C1 HOST:C8 STEXT:C74")
		},
		modules: []definition{
			{name: "RFC_PING", group: "SYST", text: "RFC ping", serve: noOperation},
			{name: "RFCPING", group: "SYST", text: "RFC ping", serve: noOperation},
			{name: "RFC_PING_AND_WAIT", group: "SYST", text: "RFC ping that waits", serve: pingAndWait, interfaceText: `
				IMPORTING SECONDS:I OPTIONAL                    " Time to wait`},
			{name: "RFC_SYSTEM_INFO", group: "SRFC", text: "Facts about the system", serve: typed(systemInfo), interfaceText: `
				EXPORTING CURRENT_RESOURCES:I                   " Work processes that are free
				EXPORTING FAST_SER_VERS:I                       " Version of fast serialization, 0: none
				EXPORTING MAXIMAL_RESOURCES:I                   " Work processes there are
				EXPORTING RECOMMENDED_DELAY:I                   " Seconds to wait before a call
				EXPORTING RFCSI_EXPORT:{RFCSI}                  " The facts`},
			{name: "RFC_FUNCTION_SEARCH", group: "RFC1", text: "Find function modules by name", serve: typed(functionSearch), interfaceText: `
				IMPORTING FUNCNAME:C30                          " Name with * and +
				IMPORTING GROUPNAME:C26 OPTIONAL                " Function group with * and +
				IMPORTING LANGUAGE:C1 DEFAULT SY-LANGU          " Language of the texts
				TABLES    FUNCTIONS:[RFCFUNC]                   " What was found
				RAISING   NOTHING_SPECIFIED NO_FUNCTION_FOUND`},
			{name: "SYSTEM_RESET_RFC_SERVER", group: "SRFC", text: "Clear the context of the session", serve: resetServer},
		},
	}
}

type waitIn struct {
	Seconds int32 `rfc:"SECONDS"`
}

// pingAndWait waits. The context ends when the caller leaves, and the wait with it.
func pingAndWait(ctx context.Context, s *System, req *rfc.Request, _ *rfc.Reply) error {
	var in waitIn
	if err := req.Scan(&in); err != nil {
		return err
	}
	if in.Seconds <= 0 {
		return nil
	}
	return s.cfg.Wait(ctx, time.Duration(min(in.Seconds, maxWaitSeconds))*time.Second)
}

type (
	nothing       struct{}
	systemInfoOut struct {
		Info    rfc.SystemInfo `rfc:"RFCSI_EXPORT"`
		Current int32          `rfc:"CURRENT_RESOURCES"`
		Maximal int32          `rfc:"MAXIMAL_RESOURCES"`
		Delay   int32          `rfc:"RECOMMENDED_DELAY"`
	}
)

// systemInfo describes the system as RFCSI does.
func systemInfo(s *System, req *rfc.Request, _ *nothing) (*systemInfoOut, error) {
	_, offset := s.cfg.Now().Zone()
	info := req.Session().SystemInfo()
	info.Zone = signedNumber(offset)
	return &systemInfoOut{Info: info, Current: 9, Maximal: 10}, nil
}

// signedNumber writes an offset in seconds as ABAP moves an integer to text of six
// characters: right-justified, the sign behind the digits.
func signedNumber(n int) string { return alignRight(trailingSign(int64(n)), 6) }

type (
	searchIn struct {
		Name  string `rfc:"FUNCNAME"`
		Group string `rfc:"GROUPNAME"`
	}
	rfcFunc struct {
		Name  string `rfc:"FUNCNAME"`
		Group string `rfc:"GROUPNAME"`
		Text  string `rfc:"STEXT"`
	}
	searchOut struct {
		Functions []rfcFunc `rfc:"FUNCTIONS"`
	}
)

func functionSearch(s *System, _ *rfc.Request, in *searchIn) (*searchOut, error) {
	if in.Name == "" && in.Group == "" {
		return nil, rfc.RaiseException("NOTHING_SPECIFIED")
	}
	pattern := in.Name
	if pattern == "" {
		pattern = "*"
	}
	out := new(searchOut)
	for _, f := range s.mux.Search(pattern) {
		if in.Group != "" && !matchPattern(in.Group, f.Group, '*', '+', 0) {
			continue
		}
		out.Functions = append(out.Functions, rfcFunc{Name: f.Name, Group: f.Group, Text: f.Text})
	}
	if len(out.Functions) == 0 {
		return nil, rfc.RaiseException("NO_FUNCTION_FOUND")
	}
	return out, nil
}

func resetServer(_ context.Context, _ *System, req *rfc.Request, _ *rfc.Reply) error {
	req.Session().Reset()
	return nil
}
