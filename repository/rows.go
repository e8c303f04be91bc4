package repository

import (
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/purerfc/purerfc/abap"
	"github.com/purerfc/purerfc/metadata"
)

// Names of the metadata modules.
const (
	metadataGet         = "RFC_METADATA_GET"
	metadataTimestamp   = "RFC_METADATA_GET_TIMESTAMP"
	functionInterface   = "RFC_GET_FUNCTION_INTERFACE"
	fieldInfo           = "DDIF_FIELDINFO_GET"
	structureDefinition = "RFC_GET_STRUCTURE_DEFINITION"
)

// paramRow is a row of RFC_FUNINT, 402 bytes used, 404 declared.
//
// Source: spec 24.2 [capture].
type paramRow struct {
	Class    string `rfc:"PARAMCLASS"` // I, E, C, T, or X for an exception
	Name     string `rfc:"PARAMETER"`
	Table    string `rfc:"TABNAME"`   // type of the reference
	Field    string `rfc:"FIELDNAME"` // component of Table, not a nesting level
	Exid     string `rfc:"EXID"`      // blank for exceptions
	Position int32  `rfc:"POSITION"`
	Offset   int32  `rfc:"OFFSET"`
	Length   int32  `rfc:"INTLENGTH"` // bytes
	Decimals int32  `rfc:"DECIMALS"`
	Default  string `rfc:"DEFAULT"` // ABAP text
	Text     string `rfc:"PARAMTEXT"`
	Optional string `rfc:"OPTIONAL"` // X
}

// functionParamRow is a row of RFC_METADATA_PARAMS, 462 bytes used, 464 declared.
//
// Source: spec 24.5 [impl].
type functionParamRow struct {
	Function string `rfc:"FUNCNAME"`
	Class    string `rfc:"PARAMCLASS"`
	Name     string `rfc:"PARAMETER"`
	Table    string `rfc:"TABNAME"`
	Field    string `rfc:"FIELDNAME"`
	Exid     string `rfc:"EXID"`
	Position int32  `rfc:"POSITION"`
	Offset   int32  `rfc:"OFFSET"`
	Length   int32  `rfc:"INTLENGTH"`
	Decimals int32  `rfc:"DECIMALS"`
	Default  string `rfc:"DEFAULT"`
	Text     string `rfc:"PARAMTEXT"`
	Optional string `rfc:"OPTIONAL"`
}

func (r *functionParamRow) param() paramRow {
	return paramRow{r.Class, r.Name, r.Table, r.Field, r.Exid, r.Position, r.Offset, r.Length, r.Decimals, r.Default, r.Text, r.Optional}
}

func (r *paramRow) of(function string) functionParamRow {
	return functionParamRow{function, r.Class, r.Name, r.Table, r.Field, r.Exid, r.Position, r.Offset, r.Length, r.Decimals, r.Default, r.Text, r.Optional}
}

// functionNameRow is a row of RFCFUNCTIONNAME, 90 bytes.
type functionNameRow struct {
	Name   string    `rfc:"FUNCTIONNAME"`
	BasXML string    `rfc:"BASXML_SUPPORTED"`
	Date   abap.Date `rfc:"UDAT"`
	Time   abap.Time `rfc:"UTIME"`
}

// answeredRow is what the repository reads of such a row. Dates of other systems are texts: one
// that is none is no reason to know nothing of a module.
type answeredRow struct {
	Name   string `rfc:"FUNCTIONNAME"`
	BasXML string `rfc:"BASXML_SUPPORTED"`
	Date   string `rfc:"UDAT"`
	Time   string `rfc:"UTIME"`
}

// typeNameRow is a row of RFC_MD_DDIC_NAME, 120 bytes.
type typeNameRow struct {
	Type  string `rfc:"TABNAME"`
	Field string `rfc:"FIELDNAME"`
}

// typeRow is a row of RFC_METADATA_DDIC, 424 bytes: one component of a structure, or with
// an empty Field the line of a table type. Numbers are N6.
//
// Source: spec 24.5 [impl].
type typeRow struct {
	Type      string `rfc:"TYPENAME"`
	Field     string `rfc:"FIELDNAME"`
	CompType  string `rfc:"COMPTYPE"`
	FieldType string `rfc:"FIELDTYPE"`
	DataType  string `rfc:"DATATYPE"`
	Total     string `rfc:"TABLENGTH"`
	TotalUC   string `rfc:"TABLENGTH_UC"`
	Text      string `rfc:"DESCRIPTION"`
	Decimals  string `rfc:"DECIMALS"`
	IntType   string `rfc:"INTTYPE"`
	Offset    string `rfc:"OFFSET"`
	OffsetUC  string `rfc:"OFFSET_UC"`
	Length    string `rfc:"INTLEN"`
	LengthUC  string `rfc:"INTLEN_UC"`
	Timestamp string `rfc:"TIMESTAMP"`
}

// indirectRow is a row of RFC_METADATA_DDIC_INDIRECT, 180 bytes: the type behind a
// reference to a component.
type indirectRow struct {
	Type      string `rfc:"TABNAME"`
	Field     string `rfc:"FIELDNAME"`
	FieldType string `rfc:"FIELDTYPE"`
}

// functionErrorRow is a row of RFC_FUNC_ERROR, 630 bytes.
type functionErrorRow struct {
	Name      string `rfc:"FUNCNAME"`
	Exception string `rfc:"EXCEPTION"`
	Text      string `rfc:"EXCEPTION_TEXT"`
}

// typeErrorRow is a row of RFC_DD_ERROR, 690 bytes.
type typeErrorRow struct {
	Type      string `rfc:"TABNAME"`
	Field     string `rfc:"FIELDNAME"`
	Exception string `rfc:"EXCEPTION"`
	Text      string `rfc:"EXCEPTION_TEXT"`
}

// functionStampRow and typeStampRow are rows of 88 bytes.
type functionStampRow struct {
	Name string    `rfc:"FUNCNAME"`
	Date abap.Date `rfc:"UDAT"`
	Time abap.Time `rfc:"UTIME"`
}

// answeredStamp is such a row as it is read.
type answeredStamp struct {
	Name string `rfc:"FUNCNAME"`
	Date string `rfc:"UDAT"`
	Time string `rfc:"UTIME"`
}

func (r *answeredStamp) stamp() string { return stampOf(r.Date + r.Time) }

type typeStampRow struct {
	Type      string `rfc:"TYPENAME"`
	Timestamp string `rfc:"TIMESTAMP"`
}

// fieldRow is what both sides use of a DFIES row; what it leaves out is initial.
//
// Source: spec 24.4 [capture, impl].
type fieldRow struct {
	Table    string `rfc:"TABNAME"`
	Field    string `rfc:"FIELDNAME"`
	Language string `rfc:"LANGU"`
	Position string `rfc:"POSITION"`
	Offset   string `rfc:"OFFSET"`
	Type     string `rfc:"ROLLNAME"`
	Chars    string `rfc:"LENG"` // characters or digits
	Length   string `rfc:"INTLEN"`
	Output   string `rfc:"OUTPUTLEN"`
	Decimals string `rfc:"DECIMALS"`
	DataType string `rfc:"DATATYPE"`
	IntType  string `rfc:"INTTYPE"`
	CompType string `rfc:"COMPTYPE"`
	Text     string `rfc:"FIELDTEXT"`
}

// structureRow is a row of RFC_FIELDS, 138 bytes used, 140 declared.
type structureRow struct {
	Table    string `rfc:"TABNAME"`
	Field    string `rfc:"FIELDNAME"`
	Position int32  `rfc:"POSITION"`
	Offset   int32  `rfc:"OFFSET"`
	Length   int32  `rfc:"INTLENGTH"`
	Decimals int32  `rfc:"DECIMALS"`
	Exid     string `rfc:"EXID"`
}

// dfies are the fields of DFIES, 1350 bytes. Source: spec 24.4 [capture, doc].
const dfies = `TABNAME:C30 FIELDNAME:C30 LANGU:C1 POSITION:N4 OFFSET:N6 DOMNAME:C30 ROLLNAME:C30 CHECKTABLE:C30
	LENG:N6 INTLEN:N6 OUTPUTLEN:N6 DECIMALS:N6 DATATYPE:C4 INTTYPE:C1 REFTABLE:C30 REFFIELD:C30 PRECFIELD:C30
	AUTHORID:C3 MEMORYID:C20 LOGFLAG:C1 MASK:C20 MASKLEN:N4 CONVEXIT:C5 HEADLEN:N2 SCRLEN1:N2 SCRLEN2:N2 SCRLEN3:N2
	FIELDTEXT:C60 REPTEXT:C55 SCRTEXT_S:C10 SCRTEXT_M:C20 SCRTEXT_L:C40 KEYFLAG:C1 LOWERCASE:C1 MAC:C1 GENKEY:C1
	NOFORKEY:C1 VALEXI:C1 NOAUTHCH:C1 SIGN:C1 DYNPFLD:C1 F4AVAILABL:C1 COMPTYPE:C1 LFIELDNAME:C132 LTRFLDDIS:C1
	BIDICTRLC:C1 OUTPUTSTYLE:N2 NOHISTORY:C1 AMPMFORMAT:C1`

const funint = `PARAMCLASS:C1 PARAMETER:C30 TABNAME:C30 FIELDNAME:C30 EXID:C1 POSITION:I OFFSET:I INTLENGTH:I
	DECIMALS:I DEFAULT:C21 PARAMTEXT:C79 OPTIONAL:C1`

// bootstrap are the interfaces that cannot be looked up. asked are the forms in which the
// repository asks, offered those that a host has.
type bootstrap struct {
	types   *metadata.Dictionary
	asked   map[string]*metadata.Function
	offered map[string]*metadata.Function
}

// interfaces builds the bootstrap once.
var interfaces = sync.OnceValues(func() (*bootstrap, error) {
	d := new(metadata.Dictionary)
	d.Structure("RFC_FUNINT", funint)
	// The second component says whether the exception is resumable; its name is ours
	// [inferred], the width of 62 is captured.
	d.Structure("RFC_RESUMABLE_EXCEPTION", "EXCEPTION:C30 RESUMABLE:C1")
	d.Structure("RFC_FIELDS", "TABNAME:C30 FIELDNAME:C30 POSITION:I OFFSET:I INTLENGTH:I DECIMALS:I EXID:C1")
	d.Structure("DFIES", dfies)
	// Fixed values of a domain: 166 bytes [capture], components by their public names.
	d.Structure("DDFIXVALUE", "LOW:C10 HIGH:C10 OPTION:C2 DDLANGUAGE:C1 DDTEXT:C60")
	d.Table("DDFIELDS", "{DFIES}")
	d.Structure("DDTYPEDESC", "TYPENAME:C30 TYPEKIND:C4 FIELDS:[DDFIELDS]")
	d.Table("DDTYPELIST", "{DDTYPEDESC}")
	d.Structure("RFCFUNCTIONNAME", "FUNCTIONNAME:C30 BASXML_SUPPORTED:C1 UDAT:D UTIME:T")
	d.Structure("RFC_MD_DDIC_NAME", "TABNAME:C30 FIELDNAME:C30")
	d.Structure("RFC_METADATA_PARAMS", "FUNCNAME:C30 "+funint)
	d.Structure("RFC_METADATA_DDIC", `TYPENAME:C30 FIELDNAME:C30 COMPTYPE:C1 FIELDTYPE:C30 DATATYPE:C4 TABLENGTH:N6
		TABLENGTH_UC:N6 DESCRIPTION:C60 DECIMALS:N6 INTTYPE:C1 OFFSET:N6 OFFSET_UC:N6 INTLEN:N6 INTLEN_UC:N6 TIMESTAMP:C14`)
	d.Structure("RFC_METADATA_DDIC_INDIRECT", "TABNAME:C30 FIELDNAME:C30 FIELDTYPE:C30")
	d.Structure("RFC_FUNC_ERROR", "FUNCNAME:C30 EXCEPTION:C30 EXCEPTION_TEXT:C255")
	d.Structure("RFC_DD_ERROR", "TABNAME:C30 FIELDNAME:C30 EXCEPTION:C30 EXCEPTION_TEXT:C255")
	d.Structure("RFC_FUNC_TIMESTAMP", "FUNCNAME:C30 UDAT:D UTIME:T")
	d.Structure("RFC_DDIC_TIMESTAMP", "TYPENAME:C30 TIMESTAMP:C14")

	b := &bootstrap{types: d, asked: map[string]*metadata.Function{}, offered: map[string]*metadata.Function{}}
	var errs []error
	define := func(in map[string]*metadata.Function, name, text string) {
		f, err := d.Function(name, text)
		errs = append(errs, err)
		in[name] = f
	}
	for _, in := range []map[string]*metadata.Function{b.asked, b.offered} {
		define(in, metadataGet, `IMPORTING DEEP:C1 OPTIONAL
			IMPORTING LANGUAGE:C1 OPTIONAL
			IMPORTING GET_CLIENT_DEP_FIELDS:C1 OPTIONAL
			IMPORTING GET_TIMESTAMPS:C1 OPTIONAL
			TABLES FUNCTIONNAMES:[RFCFUNCTIONNAME] OPTIONAL
			TABLES DATATYPES:[RFC_MD_DDIC_NAME] OPTIONAL
			TABLES KNOWN_DATATYPES:[RFC_MD_DDIC_NAME] OPTIONAL
			TABLES PARAMETERS:[RFC_METADATA_PARAMS] OPTIONAL
			TABLES DATATYPESCONT:[RFC_METADATA_DDIC] OPTIONAL
			TABLES INDIRECTTYPES:[RFC_METADATA_DDIC_INDIRECT] OPTIONAL
			TABLES FUNC_ERRORS:[RFC_FUNC_ERROR] OPTIONAL
			TABLES DD_ERRORS:[RFC_DD_ERROR] OPTIONAL
			RAISING INVALID_MODE INTERNAL_ERROR`)
		define(in, metadataTimestamp, `TABLES FUNCTION_TIMESTAMPS:[RFC_FUNC_TIMESTAMP] OPTIONAL
			TABLES DDIC_TIMESTAMPS:[RFC_DDIC_TIMESTAMP] OPTIONAL
			TABLES FUNC_ERRORS:[RFC_FUNC_ERROR] OPTIONAL
			TABLES DD_ERRORS:[RFC_DD_ERROR] OPTIONAL`)
		define(in, structureDefinition, `IMPORTING TABNAME:C30
			IMPORTING UCLEN:X1 OPTIONAL
			EXPORTING TABLENGTH:I
			TABLES FIELDS:[RFC_FIELDS]
			RAISING TABLE_NOT_ACTIVE`)
	}
	const interfaceHead = `IMPORTING FUNCNAME:C30
		IMPORTING LANGUAGE:C1 OPTIONAL
		IMPORTING NONE_UNICODE_LENGTH:C1 OPTIONAL
		EXPORTING REMOTE_CALL:C1
		TABLES PARAMS:[RFC_FUNINT]
		RAISING FU_NOT_FOUND
		`
	// What only some releases have is not asked for.
	define(b.asked, functionInterface, interfaceHead)
	define(b.offered, functionInterface, interfaceHead+`EXPORTING UPDATE_TASK:C1
		EXPORTING REMOTE_BASXML_SUPPORTED:C1
		TABLES RESUMABLE_EXCEPTIONS:[RFC_RESUMABLE_EXCEPTION] OPTIONAL
		RAISING NO_FUNCTION`)
	// X030L_WA is a structure of raw bytes in the order of the system's database, and of
	// 249 bytes or more: it is asked for as a byte string of any length.
	define(b.asked, fieldInfo, `IMPORTING TABNAME:C30
		IMPORTING ALL_TYPES:C1 OPTIONAL
		IMPORTING UCLEN:X1 OPTIONAL
		EXPORTING DDOBJTYPE:C8
		EXPORTING X030L_WA:y
		TABLES DFIES_TAB:[DFIES]
		RAISING NOT_FOUND INTERNAL_ERROR`)
	define(b.offered, fieldInfo, `IMPORTING TABNAME:C30
		IMPORTING FIELDNAME:C30 OPTIONAL
		IMPORTING LANGU:C1 OPTIONAL
		IMPORTING LFIELDNAME:C132 OPTIONAL
		IMPORTING ALL_TYPES:C1 OPTIONAL
		IMPORTING GROUP_NAMES:C1 OPTIONAL
		IMPORTING UCLEN:X1 OPTIONAL
		IMPORTING DO_NOT_WRITE:C1 OPTIONAL
		EXPORTING X030L_WA:X256
		EXPORTING DDOBJTYPE:C8
		EXPORTING DFIES_WA:{DFIES}
		EXPORTING LINES_DESCR:[DDTYPELIST]
		TABLES DFIES_TAB:[DFIES] OPTIONAL
		TABLES FIXED_VALUES:[DDFIXVALUE] OPTIONAL
		RAISING NOT_FOUND INTERNAL_ERROR`)
	if err := errors.Join(append(errs, d.Err())...); err != nil {
		return nil, fmt.Errorf("repository: metadata modules: %w", err)
	}
	return b, nil
})

// resize returns the interface with rows of another width for one table: releases add
// fields at the end. Fields that do not fit are left out, the rest is a filler.
func resize(f *metadata.Function, table string, width int) (*metadata.Function, error) {
	i := f.Index(table)
	if i < 0 || f.Parameters[i].Direction != metadata.Tables {
		return nil, fmt.Errorf("function %s has no table %s", f.Name, table)
	}
	if width > maxRowWidth {
		return nil, fmt.Errorf("table %s: rows of %d bytes, at most %d", table, width, maxRowWidth)
	}
	line := f.Parameters[i].Type
	var fields []metadata.Field
	end := 0
	for n := range line.Fields {
		field := &line.Fields[n]
		next := line.Layout(2).Offsets[n] + field.Width(2)
		if next > width || field.Name == filler {
			break
		}
		fields, end = append(fields, *field), next
	}
	if end < width {
		// Text where it can be, which is wider with Unicode as the rest is.
		rest := metadata.Field{Name: filler, Kind: metadata.Raw, Length: width - end}
		if rest.Length%2 == 0 {
			rest.Kind, rest.Length = metadata.Char, rest.Length/2
		}
		fields = append(fields, rest)
	}
	t, err := metadata.NewType(line.Name, fields)
	if err != nil {
		return nil, err
	}
	params := append([]metadata.Parameter(nil), f.Parameters...)
	params[i].Type = t
	return metadata.NewFunction(f.Name, params, f.Exceptions...)
}

// filler names the rest of rows of another release.
const filler = "OTHER_RELEASE"

// number reads an N6 field; blanks are zero, as ABAP sees them.
func number(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || len(s) > 10 {
		return 0, fmt.Errorf("%.16q is not a number of at most 10 digits", s)
	}
	return int(n), nil
}

// n6 writes an N6 field. Structures above its range do not occur on the wire; their
// descriptions say the most it can.
func n6(n int) string { return strconv.Itoa(min(n, 999_999)) }
