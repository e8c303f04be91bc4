package rfc

// Attributes describe a connection after logon, with the names that other connectors use
// for the same 24 values. What the partner did not say is empty.
//
// Source of the mapping: spec 03 section 6.
type Attributes struct {
	Destination          string `json:"dest"`
	Host                 string `json:"host"`        // local host name
	PartnerHost          string `json:"partnerHost"` // item 0008, for example host_SID_NN
	SystemNumber         string `json:"sysNumber"`   // item 0452
	SystemID             string `json:"sysId"`       // item 0450; empty on old kernels
	Client               string `json:"client"`
	User                 string `json:"user"` // upper case
	Language             string `json:"language"`
	Trace                string `json:"trace"`
	ISOLanguage          string `json:"isoLanguage"`
	Codepage             string `json:"codepage"` // of what this side writes after logon, 4103
	PartnerCodepage      string `json:"partnerCodepage"`
	Role                 string `json:"rfcRole"`     // C client, S server
	Type                 string `json:"type"`        // own partner type, E
	PartnerType          string `json:"partnerType"` // item 0011, 3 for ABAP
	Release              string `json:"rel"`
	PartnerRelease       string `json:"partnerRel"` // item 0012
	KernelRelease        string `json:"kernelRel"`  // item 0013
	ConversationID       string `json:"cpicConvId"` // CPIC conversation id
	Program              string `json:"progName"`   // calling program
	PartnerBytesPerChar  int    `json:"partnerBytesPerChar"`
	PartnerSystemCP      string `json:"partnerSystemCodepage"` // item 0016
	PartnerIP            string `json:"partnerIP"`             // item 0007
	PartnerIPv6          string `json:"partnerIPv6"`           // item 0018
	Description          string `json:"description,omitempty"` // item 0451
	PartnerProgram       string `json:"partnerProgram,omitempty"`
	ServerHost           string `json:"serverHost,omitempty"` // item 0453
	SessionID            string `json:"-"`                    // GUID of the session, hex
	LocalAddress, Remote string `json:"-"`                    // socket addresses
}
