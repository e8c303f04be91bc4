package dissect

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/codepage"
	"github.com/purerfc/purerfc/internal/capture"
	"github.com/purerfc/purerfc/internal/chain"
	"github.com/purerfc/purerfc/internal/evidence"
	"github.com/purerfc/purerfc/internal/wire"
	"github.com/purerfc/purerfc/metadata"
	"github.com/purerfc/purerfc/msgserver"
	"github.com/purerfc/purerfc/serialization"
)

// check is what a fact of the manifest is held against.
type check struct {
	*testing.T
	all  []*entry
	e    *entry
	recs []*Record // none for a file with a value alone
}

// rec is the record that a fact of a file with several means: the first one.
func (c *check) rec() *Record { return c.recs[0] }

func (c *check) field(name string) any { return c.rec().Fields.Get(name) }

func (c *check) text(v json.RawMessage) string {
	var s string
	require.NoError(c, json.Unmarshal(v, &s))
	return s
}

func (c *check) number(v json.RawMessage) int64 {
	var n int64
	require.NoError(c, json.Unmarshal(v, &n))
	return n
}

func (c *check) parameter(name string) Parameter {
	i := slices.IndexFunc(c.rec().Parameters, func(p Parameter) bool { return p.Name == name })
	require.GreaterOrEqual(c, i, 0, "parameter %s", name)
	return c.rec().Parameters[i]
}

// data are the bytes of the chain.
func (c *check) data() []byte {
	b := c.recs[0].payload[80:]
	if hasSignature(b) {
		b = b[len(signature):]
	}
	return b
}

// items reads the chain anew.
func (c *check) items() (list []chain.Item, end int64) {
	r := chain.NewBytesReader(c.data(), chain.Limits{})
	for {
		it, err := r.Next()
		if err != nil {
			require.ErrorContains(c, err, "EOF")
			return list, r.Offset()
		}
		list = append(list, it)
	}
}

func (c *check) hasTag(tag chain.Tag) bool {
	list, _ := c.items()
	return slices.ContainsFunc(list, func(it chain.Item) bool { return it.Tag == tag })
}

// asked are the names of items 0205.
func (c *check) asked() (list []string) {
	for _, it := range c.rec().Items {
		if it.Tag == "0205" {
			list = append(list, it.Text)
		}
	}
	return list
}

// structure is the value of a parameter of line type RFCTEST.
func (c *check) structure(name string) serialization.Params {
	var s serialization.Section
	f := stfcStructure(c)
	s.Reset(f, serialization.Representation{}, c.rec().Direction == "s2c")
	list, _ := c.items()
	for _, it := range list {
		_, err := s.Item(it)
		require.NoError(c, err)
	}
	v, err := s.Value(name)
	require.NoError(c, err)
	p, ok := v.(serialization.Params)
	require.True(c, ok, "%T", v)
	return p
}

func stfcStructure(t testing.TB) *metadata.Function {
	d := new(metadata.Dictionary).Structure("RFCTEST", `RFCFLOAT:F RFCCHAR1:C1 RFCINT2:s RFCINT1:b RFCCHAR4:C4 RFCINT4:I RFCHEX3:X3
		RFCCHAR2:C2 RFCTIME:T RFCDATE:D RFCDATA1:C50 RFCDATA2:C50`)
	f, err := d.Function("STFC_STRUCTURE", `IMPORTING IMPORTSTRUCT:{RFCTEST}
		EXPORTING ECHOSTRUCT:{RFCTEST}
		EXPORTING RESPTEXT:C255
		TABLES RFCTABLE:[RFCTEST]`)
	require.NoError(t, errors.Join(d.Err(), err))
	return f
}

// byField makes a check of a field with the text of the fact, up to its explanation.
func byField(name string) func(*check, json.RawMessage) {
	return func(c *check, v json.RawMessage) {
		want, _, _ := strings.Cut(c.text(v), " (")
		require.Equal(c, want, c.field(name))
	}
}

func byNumber(name string) func(*check, json.RawMessage) {
	return func(c *check, v json.RawMessage) {
		require.Equal(c, fmt.Sprint(c.number(v)), fmt.Sprint(c.field(name)))
	}
}

func byParameter(name string) func(*check, json.RawMessage) {
	return func(c *check, v json.RawMessage) {
		require.Equal(c, strings.Trim(string(v), `"`), c.parameter(name).Text)
	}
}

func byInput(name string) func(*check, json.RawMessage) {
	return func(c *check, v json.RawMessage) {
		require.Equal(c, strings.Trim(string(v), `"`), fmt.Sprint(c.structure("IMPORTSTRUCT")[name]))
	}
}

// requestType reads "F_ALLOCATE (06 05)".
func requestType(c *check, v json.RawMessage) {
	name, rest, _ := strings.Cut(c.text(v), " (")
	code, _, _ := strings.Cut(rest, ")")
	require.Equal(c, name, c.rec().Kind)
	require.Equal(c, code, fmt.Sprintf("% x", c.rec().payload[:2]))
}

func trailer(c *check, v json.RawMessage) {
	// "0000 0288 0000 8500; 0x288 = 648 = length of the item stream"
	_, end := c.items()
	got := hex.EncodeToString(c.data()[end:])
	digits := strings.ReplaceAll(c.text(v), " ", "")
	require.True(c, strings.HasPrefix(digits, got), "%s does not begin with %s", digits, got)
	require.Equal(c, uint64(len(c.rec().payload)-88), c.field("data_length"))
	require.Equal(c, uint64(0x8500), c.field("receive_limit"))
}

// known accepts a sentence for people and checks what it says by f.
func known(f func(*check)) func(*check, json.RawMessage) {
	return func(c *check, v json.RawMessage) {
		require.NotEmpty(c, v)
		f(c)
	}
}

// facts has a check for every key of the manifest.
var facts map[string]func(*check, json.RawMessage)

func init() {
	facts = map[string]func(*check, json.RawMessage){
		"request_type":        requestType,
		"client_ip":           byField("client_ip"),
		"service":             byField("service"),
		"codepage":            byField("codepage"),
		"lu":                  byField("lu"),
		"tp":                  byField("tp"),
		"sdest":               byField("sdest"),
		"ctype":               byField("ctype"),
		"host":                byField("host"),
		"appc_header_version": byNumber("appc_header_version"),
		"accept_info":         byField("accept_info"),
		"index":               byNumber("index"),
		"rc":                  byNumber("return_code"),
		"changed_payload_offsets": func(c *check, v json.RawMessage) {
			var changes map[string]string
			require.NoError(c, json.Unmarshal(v, &changes))
			ask := entryOf(c.T, c.all, "handshake/ni_version_request.bin").frames(c)[0].Payload
			answer := c.rec().payload
			var got []int
			for i := range ask {
				if ask[i] != answer[i] {
					got = append(got, i)
				}
			}
			require.Len(c, changes, 3)
			require.Equal(c, []int{20, 23, 29, 55}, got, "1100 and 4103 share two digits")
			for off, change := range changes {
				from, to, _ := strings.Cut(change, " -> ")
				to, _, _ = strings.Cut(to, " ")
				first, last := 0, 0
				n, err := fmt.Sscanf(strings.ReplaceAll(off, "..", " "), "%d %d", &first, &last)
				if n == 2 {
					require.NoError(c, err)
					require.Equal(c, []string{from, to}, []string{string(ask[first : last+1]), string(answer[first : last+1])})
				} else {
					require.Equal(c, []string{from, to}, []string{hex.EncodeToString(ask[first : first+1]), hex.EncodeToString(answer[first : first+1])})
				}
			}
		},
		"conversation_id": func(c *check, v json.RawMessage) {
			want := c.text(v)
			if want == "8 spaces" {
				want = ""
				require.Equal(c, "        ", string(c.rec().payload[40:48]))
			}
			for _, r := range c.recs {
				require.Equal(c, want, r.Fields.Get("conversation_id"))
			}
		},
		"conversation_id_payload_offset": func(c *check, v json.RawMessage) {
			i := slices.IndexFunc(c.rec().Fields, func(f Field) bool { return f.Name == "conversation_id" })
			require.EqualValues(c, c.number(v), c.rec().Fields[i].Off)
		},
		"codepage_payload_offset": func(c *check, v json.RawMessage) {
			i := slices.IndexFunc(c.rec().Fields, func(f Field) bool { return f.Name == "codepage" })
			require.EqualValues(c, c.number(v), c.rec().Fields[i].Off)
		},
		"codepage_payload_offset_69": func(c *check, v json.RawMessage) {
			require.Equal(c, c.text(v), c.field("codepage"))
			require.Equal(c, c.text(v), string(c.rec().payload[69:73]))
		},
		"header_data_length_payload_offset_56": func(c *check, v json.RawMessage) {
			byNumber("received_length")(c, v)
			byNumber("message_length")(c, v)
		},
		"sap_params_length":   byNumber("sap_param_len"),
		"connection_index":    byNumber("conn_index"),
		"communication_index": byNumber("comm_index"),
		"codepage_field": func(c *check, v json.RawMessage) {
			require.Equal(c, "zeros", c.text(v))
			require.Equal(c, make([]byte, 28), c.rec().payload[48:76])
		},
		"lu_name_length": byNumber("lu_name_length"),
		"ni_frames":      func(c *check, v json.RawMessage) { require.EqualValues(c, c.number(v), len(c.recs)) },
		"request_types": func(c *check, v json.RawMessage) {
			var want, got []string
			require.NoError(c, json.Unmarshal(v, &want))
			for _, r := range c.recs {
				got = append(got, fmt.Sprintf("% x", r.payload[:2]))
			}
			require.Equal(c, want, got)
			require.Equal(c, "F_SET_PARTNER_LU_NAME", c.recs[0].Kind)
			require.Equal(c, "F_ALLOCATE", c.recs[1].Kind)
		},
		"name_in_source_is_misleading": known(func(c *check) {
			require.Equal(c, "c2s", c.rec().Direction)
			require.NotContains(c, c.rec().Kind, "REGTP")
		}),

		"client":   byField("client"),
		"user":     byField("user"),
		"language": byField("language"),
		"rfc_version": func(c *check, v json.RawMessage) {
			require.Equal(c, c.text(v), c.field("caller_release"))
		},
		"program":  byField("program"),
		"function": func(c *check, v json.RawMessage) { require.Equal(c, c.text(v), c.rec().Function) },
		"password_item": known(func(c *check) {
			i := slices.IndexFunc(c.rec().Items, func(it Item) bool { return it.Tag == "0117" })
			require.Equal(c, Item{Tag: "0117", Length: 4 + 13, Name: "password", Text: Masked, Offset: c.rec().Items[i].Offset}, c.rec().Items[i])
		}),
		"trailer_after_end_item": func(c *check, v json.RawMessage) {
			// "0000 00f9 0000 8500 (sap_params: length of the data 249 + constant)"
			trailer(c, v)
			require.Contains(c, c.text(v), fmt.Sprintf("length of the data %d ", c.field("data_length")))
		},
		"trailer": trailer,
		"asked_outputs": func(c *check, v json.RawMessage) {
			var want []string
			require.NoError(c, json.Unmarshal(v, &want))
			require.ElementsMatch(c, want, c.asked())
		},
		"REQUTEXT": func(c *check, v json.RawMessage) {
			want, rest, _ := strings.Cut(c.text(v), " ")
			require.Contains(c, rest, "255 characters (510 bytes UTF-16LE)")
			require.Equal(c, Parameter{Name: "REQUTEXT", Length: 510, Text: want, Kind: Scalar}, c.parameter("REQUTEXT"))
		},
		"return_code": byNumber("call_status"),
		"ECHOTEXT":    byParameter("ECHOTEXT"),
		"RESPTEXT_starts": func(c *check, v json.RawMessage) {
			require.True(c, strings.HasPrefix(c.parameter("RESPTEXT").Text, c.text(v)))
		},
		"no_trailer": func(c *check, v json.RawMessage) {
			require.Equal(c, "true", string(v))
			_, end := c.items()
			require.EqualValues(c, len(c.data()), end)
		},
		"IMPORTSTRUCT_bytes": func(c *check, v json.RawMessage) {
			require.EqualValues(c, c.number(v), c.parameter("IMPORTSTRUCT").Length)
		},
		"RFCFLOAT_offset_0": known(func(c *check) {
			list, _ := c.items()
			i := slices.IndexFunc(list, func(it chain.Item) bool { return it.Tag == chain.ParameterValue })
			require.Equal(c, 1.5, math.Float64frombits(binary.LittleEndian.Uint64(list[i].Value)))
			require.Equal(c, 1.5, c.structure("IMPORTSTRUCT")["RFCFLOAT"])
		}),
		"RFCCHAR4": byInput("RFCCHAR4"),
		"RFCINT4":  byInput("RFCINT4"),
		"RFCDATA1": byInput("RFCDATA1"),
		"table_without_rows_is": known(func(c *check) {
			require.Contains(c, c.asked(), "RFCTABLE")
			require.False(c, c.hasTag(chain.TableName))
		}),
		"ECHOSTRUCT": known(func(c *check) {
			ask := &check{T: c.T, all: c.all, e: entryOf(c.T, c.all, "call/stfc_structure_request.bin")}
			doc, err := Decode(ask.e.frames(c))
			require.NoError(c, err)
			ask.recs = doc.Frames
			require.Equal(c, ask.structure("IMPORTSTRUCT"), c.structure("ECHOSTRUCT"))
		}),
		"table": func(c *check, v json.RawMessage) { require.Equal(c, TableKind, c.parameter(c.text(v)).Kind) },
		"table_info_0302": func(c *check, v json.RawMessage) {
			var want struct {
				Width int `json:"row_width"`
				Rows  int `json:"row_count"`
			}
			require.NoError(c, json.Unmarshal(v, &want))
			p := c.parameter("RFCTABLE")
			require.Equal(c, []int{want.Width, want.Rows}, []int{p.Width, p.Rows})
		},
		"rows_in": known(func(c *check) {
			require.True(c, c.hasTag(chain.TableRowRepeat))
			require.False(c, c.hasTag(chain.TableBlock))
		}),
		"no_0306":     known(func(c *check) { require.False(c, c.hasTag(chain.TableBlockEnd)) }),
		"QUERY_TABLE": byParameter("QUERY_TABLE"),
		"DELIMITER":   byParameter("DELIMITER"),
		"numbers_and_flags_left_out": known(func(c *check) {
			require.Len(c, c.rec().Parameters, 2)
		}),
		"START_VALUE": byParameter("START_VALUE"),
		"COUNTER":     byParameter("COUNTER"),
		"changing_parameter": known(func(c *check) {
			require.Contains(c, c.asked(), "COUNTER")
			c.parameter("COUNTER")
		}),
		"exception_key": func(c *check, v json.RawMessage) {
			require.Equal(c, c.text(v), c.rec().Exception.Key)
			require.Equal(c, KindException, c.rec().Kind)
		},
		"message_number": func(c *check, v json.RawMessage) { require.Equal(c, c.text(v), c.rec().Exception.Number) },
		"items": known(func(c *check) {
			for _, tag := range []chain.Tag{chain.Success, chain.SessionGUID, chain.CallStatus} {
				require.False(c, c.hasTag(tag))
			}
		}),
		"warning": known(func(c *check) {
			require.Equal(c, "754", c.field("caller_release"), "single bytes")
			require.Equal(c, "", c.field("conversation_id"))
			require.Equal(c, []string{"ARFCSTATE"}, c.asked())
		}),

		"hops": func(c *check, v json.RawMessage) {
			var want, got []string
			require.NoError(c, json.Unmarshal(v, &want))
			list := c.field("hops").([]Fields)
			for _, h := range list[:len(list)-1] {
				got = append(got, fmt.Sprintf("%v:%v", h.Get("host"), h.Get("service")))
			}
			require.Equal(c, want, got)
		},
		"target":             byField("target"),
		"route_version":      byNumber("route_version"),
		"ni_version":         byNumber("ni_version"),
		"entries":            byNumber("entries"),
		"talk_mode":          byNumber("talk_mode"),
		"remaining_hops":     byNumber("rest_nodes"),
		"route_length":       byNumber("route_length"),
		"offset_of_next_hop": byNumber("route_offset"),
		"opcode": func(c *check, v json.RawMessage) {
			require.Equal(c, c.text(v), fmt.Sprintf("%v (%v), version %v, character set %v", c.field("opcode_name"), c.field("opcode"), c.field("opcode_version"), c.field("opcode_charset")))
			require.Equal(c, "MS_SERVER_LST", c.rec().Kind)
		},
		"from":        byField("from"),
		"flag":        byField("flag_name"),
		"entry_bytes": byNumber("entry_bytes"),
		"second_entry": func(c *check, v json.RawMessage) {
			var want map[string]string
			require.NoError(c, json.Unmarshal(v, &want))
			got := c.field("servers").([]Fields)[1]
			for name, value := range want {
				require.Equal(c, value, got.Get(name), name)
			}
		},

		// Files with a value alone. The codes of the types are those of the source project;
		// what matters is that the bytes are the ones our encoders write.
		"rfctype": func(c *check, v json.RawMessage) {
			require.Contains(c, []int64{0, 1, 2, 4, 7, 9, 10, 17, 31, 32, 33, 35, 37, 39}, c.number(v))
		},
		"characters": func(c *check, v json.RawMessage) { require.EqualValues(c, 2*c.number(v), len(c.e.raw)) },
		"digits":     func(c *check, v json.RawMessage) { require.EqualValues(c, c.number(v), 2*len(c.e.raw)-1) },
		"decimals": func(c *check, v json.RawMessage) {
			require.EqualValues(c, 2, c.number(v))
		},
		"value":     value,
		"value_hex": func(c *check, v json.RawMessage) { require.Equal(c, c.text(v), hex.EncodeToString(c.e.raw)) },
		"note":      known(func(*check) {}),
		"fields": func(c *check, v json.RawMessage) {
			typ := typeStructure(c)
			want := serialization.Params{"A": "ABCD", "B": int32(65536)}
			require.JSONEq(c, `[["CHAR",4,"ABCD"],["INT4",4,65536]]`, string(v))
			f, err := metadata.NewFunction("TYPES", []metadata.Parameter{{Field: metadata.Field{Name: "P", Kind: metadata.Structure, Type: typ, TypeName: typ.Name}, Direction: metadata.Import}})
			require.NoError(c, err)
			w := serialization.Writer{Function: f}
			b, err := w.Append(nil, serialization.Params{"P": want})
			require.NoError(c, err)
			require.Equal(c, hex.EncodeToString(c.e.raw), hex.EncodeToString(b[len(b)-2-len(c.e.raw):len(b)-2]))
			var s serialization.Section
			s.Reset(f, serialization.Representation{}, false)
			r := chain.NewBytesReader(chain.AppendEnd(b), chain.Limits{})
			for it, err := r.Next(); err == nil; it, err = r.Next() {
				_, err = s.Item(it)
				require.NoError(c, err)
			}
			got, err := s.Value("P")
			require.NoError(c, err)
			require.Empty(c, cmp.Diff(want, got))
		},
		"offsets": func(c *check, v json.RawMessage) {
			require.JSONEq(c, `[0,8]`, string(v))
			l := typeStructure(c).Layout(2)
			require.Equal(c, 12, l.Total)
			require.Equal(c, []int{0, 8}, l.Offsets)
		},
	}
}

func typeStructure(t testing.TB) *metadata.Type {
	d := new(metadata.Dictionary).Structure("S", "A:C4 B:I")
	require.NoError(t, d.Err())
	typ, _ := d.Type("S")
	return typ
}

// value encodes the value of a file in types/ and compares the bytes; then it decodes them.
func value(c *check, v json.RawMessage) {
	b := c.e.raw
	le := binary.LittleEndian
	switch name := strings.TrimSuffix(filepath.Base(c.e.File), ".bin"); name {
	case "type_char":
		got, err := codepage.AppendUTF16LE(nil, c.text(v))
		require.NoError(c, err)
		require.Equal(c, b, got)
		back, err := codepage.DecodeUTF16LE(nil, b)
		require.NoError(c, err)
		require.Equal(c, c.text(v), string(back))
	case "type_date":
		d, err := abap.ParseDate(c.text(v))
		require.NoError(c, err)
		got, err := codepage.AppendUTF16LE(nil, string(d.AppendRaw(nil)))
		require.NoError(c, err)
		require.Equal(c, b, got)
	case "type_bcd":
		// The manifest and the bytes of this hand-made file do not agree: 01 23 4c are the
		// digits 01234, which with two decimals are 12.34; 123.45 is 12 34 5c. The rule of
		// packed numbers (spec 20.5 [capture, impl]) wins over a synthetic file.
		require.Equal(c, "synthetic", c.e.Evidence)
		for text, want := range map[string][]byte{"12.34": b, c.text(v): {0x12, 0x34, 0x5c}} {
			d, err := abap.ParsePacked(text, 3, 2)
			require.NoError(c, err)
			got, err := abap.AppendPacked(nil, d, 3, 2)
			require.NoError(c, err)
			require.Equal(c, want, got)
			d, err = abap.DecodePacked(got, 2)
			require.NoError(c, err)
			require.Equal(c, text, d.String())
		}
	case "type_float":
		var want float64
		require.NoError(c, json.Unmarshal(v, &want))
		require.Equal(c, b, le.AppendUint64(nil, math.Float64bits(want)))
		require.Equal(c, want, math.Float64frombits(le.Uint64(b)))
	case "type_int1":
		require.Equal(c, []byte{byte(c.number(v))}, b)
	case "type_int2", "type_tminute":
		require.Equal(c, le.AppendUint16(nil, uint16(c.number(v))), b)
	case "type_dtday", "type_dtmonth":
		require.Equal(c, le.AppendUint32(nil, uint32(c.number(v))), b)
	case "type_int8", "type_utclong", "type_utcsecond":
		require.Equal(c, le.AppendUint64(nil, uint64(c.number(v))), b)
	default:
		c.Fatalf("no check for the value of %s", name)
	}
}

// TestEveryFactOfTheManifestHolds visits every entry and every fact of it: a new file or an
// unknown key fails.
func TestEveryFactOfTheManifestHolds(t *testing.T) {
	t.Parallel()
	all := manifest(t)
	visited := map[string]bool{}
	for _, e := range all {
		visited[e.File] = true
		t.Run(e.File, func(t *testing.T) {
			t.Parallel()
			c := &check{T: t, all: all, e: e}
			if e.Framing != "none" {
				doc, err := Decode(e.frames(t))
				require.NoError(t, err)
				c.recs = doc.Frames
				for _, r := range c.recs {
					require.Equal(t, e.Direction, r.Direction, "guessed: the file does not say it")
				}
				_, err = doc.JSON()
				require.NoError(t, err)
			}
			require.NotEmpty(t, e.Facts)
			for key, v := range e.Facts {
				f := facts[key]
				require.NotNil(t, f, "the test does not know the fact %q", key)
				f(c, v)
			}
			if e.Items == nil {
				require.Nil(t, e.AfterItems)
				return
			}
			var got []string
			for _, it := range c.rec().Items {
				got = append(got, fmt.Sprintf("%s:%d", it.Tag, it.Length))
			}
			require.Empty(t, cmp.Diff(e.Items, got))
			_, end := c.items()
			require.NotNil(t, e.AfterItems)
			require.Equal(t, *e.AfterItems, hex.EncodeToString(c.data()[end:]))
		})
	}
	dir := filepath.Join(evidence.Folder(t), "captures")
	require.NoError(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(name) == ".bin" {
			rel, rerr := filepath.Rel(dir, name)
			require.NoError(t, rerr)
			require.True(t, visited[filepath.ToSlash(rel)], "%s is not in the manifest", rel)
		}
		return err
	}))
}

// TestItemOffsetsOfTheVectors holds the offsets of capture-items.json against the decoder.
func TestItemOffsetsOfTheVectors(t *testing.T) {
	t.Parallel()
	all := manifest(t)
	b, err := os.ReadFile(filepath.Join(evidence.Folder(t), "vectors", "capture-items.json"))
	require.NoError(t, err)
	var v struct {
		Captures map[string]struct {
			FileLen int `json:"file_len"`
			Marker  string
			Items   [][3]any
			Trailer string
		}
	}
	require.NoError(t, json.Unmarshal(b, &v))
	compared := 0
	for name, want := range v.Captures {
		i := slices.IndexFunc(all, func(e *entry) bool { return e.File == "call/"+name+".bin" })
		if i < 0 {
			continue // published as a walk only; package serialization builds these messages
		}
		compared++
		e := all[i]
		require.Equal(t, want.FileLen, len(e.raw), name)
		doc, err := Decode(e.frames(t))
		require.NoError(t, err)
		r := doc.Frames[0]
		require.Equal(t, want.Marker, hex.EncodeToString(r.payload[76:80]), name)
		var got [][3]any
		for _, it := range r.Items {
			got = append(got, [3]any{float64(4 + 80 + it.Offset), it.Tag, float64(it.Length)})
		}
		require.Empty(t, cmp.Diff(want.Items, got), name)
		last := r.Items[len(r.Items)-1]
		require.Equal(t, want.Trailer, hex.EncodeToString(r.payload[80+last.Offset+6:]), name)
	}
	require.GreaterOrEqual(t, compared, 6)
}

// readAndDecode is what `rfcping decode` does with a file.
func readAndDecode(e *entry, raw []byte) (*Document, error) {
	frames, err := capture.Read(e.File, bytes.NewReader(raw), capture.Options{Bare: e.Framing == "bare"})
	doc, derr := Decode(frames)
	return doc, errors.Join(err, derr)
}

// TestTruncatedCapturesFailWithAPlace cuts every capture at every byte. Two cuts leave a
// legal shorter recording: between two NI frames, and the first 8 bytes of a route request
// without NI length, which are an unknown control payload (NI_xxxxx, to be ignored).
func TestTruncatedCapturesFailWithAPlace(t *testing.T) {
	t.Parallel()
	for _, e := range manifest(t) {
		if e.Framing == "none" {
			continue
		}
		whole := map[int]bool{}
		if e.Framing == "ni" {
			for _, f := range e.frames(t) {
				whole[int(f.Offset)+4+len(f.Payload)] = true
			}
		}
		for n := range len(e.raw) {
			doc, err := readAndDecode(e, e.raw[:n])
			if whole[n] || n == len("NI_ROUTE") && e.Framing == "bare" {
				require.NoError(t, err, "%s cut at a frame border, %d", e.File, n)
				continue
			}
			require.Error(t, err, "%s cut at %d", e.File, n)
			var w *wire.Error
			require.ErrorAs(t, err, &w, "%s cut at %d", e.File, n)
			require.NotEmpty(t, w.Layer)
			require.LessOrEqual(t, len(doc.Frames), 2)
		}
	}
}

// TestTruncatedPayloadsFailWithAPlace cuts the payload and keeps the NI frame whole, which
// is what a faulty peer would send.
func TestTruncatedPayloadsFailWithAPlace(t *testing.T) {
	t.Parallel()
	for _, e := range manifest(t) {
		if e.Framing == "none" {
			continue
		}
		for _, f := range e.frames(t) {
			for n := range len(f.Payload) {
				cut := f
				cut.Payload = f.Payload[:n]
				_, err := Decode([]capture.Frame{cut})
				if legalShort(e.File, f.Payload, n) {
					require.NoError(t, err, "%s payload cut at %d", e.File, n)
					continue
				}
				require.Error(t, err, "%s payload cut at %d", e.File, n)
				var at *Error
				require.ErrorAs(t, err, &at)
				require.Zero(t, at.Index)
				require.LessOrEqual(t, at.Byte, len(f.Payload))
				var w *wire.Error
				require.ErrorAs(t, err, &w)
				require.NotEmpty(t, w.Layer, "%v", err)
				require.NotEmpty(t, w.Record, "%v", err)
			}
		}
	}
}

// legalShort lists the cuts that leave a legal record.
func legalShort(file string, payload []byte, n int) bool {
	switch {
	case n == 0, n == 8 && strings.HasPrefix(string(payload), "NI_"):
		return true // an empty NI record carries nothing, an unknown control is ignored
	case strings.HasPrefix(file, "router/sapms"):
		// The header alone, header and operation, whole entries.
		return n == msgserver.HeaderLength || n >= msBody && (n-msBody)%160 == 0
	case file == "call/trfc_call_request.bin":
		// Hand-made: it announces no parameter block, so that up to eight bytes behind the
		// end item are padding. A header without data is a verb without a message.
		return n == 80 || n >= len(payload)-8
	case n == 80:
		// A data record without data; only those that announce a trailer or a length fail.
		return false
	}
	return false
}

// TestFlippedLengthsFailWithAPlace turns every bit of every length field over.
func TestFlippedLengthsFailWithAPlace(t *testing.T) {
	t.Parallel()
	for _, e := range manifest(t) {
		if e.Framing == "none" {
			continue
		}
		type place struct {
			what   string
			off, n int // in the file
		}
		var places []place
		doc, err := Decode(e.frames(t))
		require.NoError(t, err)
		for _, r := range doc.Frames {
			base := int(r.Offset)
			if e.Framing == "ni" {
				places = append(places, place{"NI length", base, 4})
				base += 4
			}
			for _, f := range r.Fields {
				switch f.Name {
				case "sap_param_len":
					// An answer repeats the length of a block that does not follow; a reply
					// announces eight bytes that do not follow; nothing depends on either.
					if r.Direction == "c2s" && e.File != "call/trfc_call_request.bin" {
						places = append(places, place{f.Name, base + f.Off, f.Len})
					}
				case "received_length":
					// Answers without data have no such length.
					if r.Layer == LayerRFC {
						places = append(places, place{f.Name, base + f.Off, f.Len})
					}
				case "data_length", "lu_name_length", "route_length", "entries", "route_offset", "err_len":
					if f.Len > 0 {
						places = append(places, place{f.Name, base + f.Off, f.Len})
					}
				}
			}
			for _, it := range r.Items {
				off := base + 80 + int(it.Offset)
				places = append(places, place{"length of item " + it.Tag, off + 2, 2})
				if it.Tag == "0302" {
					places = append(places, place{"row width", off + 4, 4}, place{"row count", off + 8, 4})
				}
			}
		}
		for _, p := range places {
			for bit := range 8 * p.n {
				raw := bytes.Clone(e.raw)
				raw[p.off+bit/8] ^= 0x80 >> (bit % 8)
				_, err := readAndDecode(e, raw)
				if p.what == "row width" && err == nil {
					// A width above the length of the row: the rest of the row is initial.
					require.Greater(t, binary.BigEndian.Uint32(raw[p.off:]), uint32(264))
					continue
				}
				require.Error(t, err, "%s: %s bit %d", e.File, p.what, bit)
				var w *wire.Error
				require.ErrorAs(t, err, &w, "%s: %s bit %d", e.File, p.what, bit)
			}
		}
	}
}
