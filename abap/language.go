package abap

import (
	"strings"
	"unicode/utf8"
)

// LanguageError says that a language code is not known. Its text is the one users
// know from other connectors.
type LanguageError struct {
	// Code is the code as given, cut to 64 bytes.
	Code string
	// SAP tells which kind of code was looked up: true a one-character SAP key, false
	// an ISO code.
	SAP bool
}

// Error implements error.
func (e *LanguageError) Error() string {
	if e.SAP {
		return "Language SAP code not found: " + e.Code
	}
	return "Language ISO code not found: " + e.Code
}

// LanguageKey gives the one-character SAP language key of a two-character ISO code in
// any case: "EN" gives "E". Of tags such as "en-US" or "en_US" the first part counts;
// traditional Chinese ("zh-TW", "zh-HK", "zh-Hant") gives the key of ZF. Keys may lie
// outside ASCII and are case-sensitive. Unknown codes give a [*LanguageError].
//
// Source: spec 03, 26.4; the pairs are those that open connectors test [impl].
func LanguageKey(iso string) (string, error) {
	code := strings.ToUpper(strings.ReplaceAll(iso, "_", "-"))
	if len(iso) <= 35 {
		base, rest, _ := strings.Cut(code, "-")
		if base == "ZH" && (strings.HasPrefix(rest, "TW") || strings.HasPrefix(rest, "HK") || strings.HasPrefix(rest, "HANT")) {
			base = "ZF"
		}
		if key, ok := languageKeys[base]; ok {
			return string(key), nil
		}
	}
	return "", &LanguageError{Code: printable(iso)}
}

// LanguageISO gives the two-character ISO code of a one-character SAP language key:
// "E" gives "EN". Unknown keys give a [*LanguageError].
func LanguageISO(sap string) (string, error) {
	r, n := utf8.DecodeRuneInString(sap)
	if iso, ok := languageCodes[r]; ok && n == len(sap) {
		return iso, nil
	}
	return "", &LanguageError{Code: printable(sap), SAP: true}
}

// languageKeys maps codes of SAP's language table (mostly ISO 639-1, some of SAP's
// own) to keys. Keys of SAP's extended range are written as code points.
//
// Source: public test data of open connectors [impl].
var languageKeys = map[string]rune{
	"1P": '\ub290',
	"1Q": '\ub291',
	"1X": '\ub298',
	"2Q": '\ub2f1',
	"3F": '\ub346',
	"4G": '\ub3a7',
	"6N": '\ub46e',
	"AF": 'a',
	"AG": '\ub887',
	"AR": 'A',
	"AZ": '\ub89a',
	"BB": '\ub8e2',
	"BD": '\ub8e4',
	"BG": 'W',
	"BK": '\ub8eb',
	"BN": '\ub8ee',
	"BS": '\ub8f3',
	"CA": 'c',
	"CS": 'C',
	"DA": 'K',
	"DE": 'D',
	"DM": '\ub9ad',
	"EL": 'G',
	"EN": 'E',
	"ES": 'S',
	"ET": '9',
	"FI": 'U',
	"FR": 'F',
	"HE": 'B',
	"HI": '\ubb29',
	"HR": '6',
	"HU": 'H',
	"ID": 'i',
	"IN": '\ubb8e',
	"IR": '\ubb92',
	"IS": 'b',
	"IT": 'I',
	"JA": 'J',
	"KK": '\ubc4b',
	"KO": '3',
	"KW": '\ubc57',
	"LT": 'X',
	"LV": 'Y',
	"MK": '\ubd0b',
	"MO": '\ubd0f',
	"MS": '7',
	"MV": '\ubd16',
	"NI": '\ubd69',
	"NL": 'N',
	"NO": 'O',
	"OM": '\ubdcd',
	"P1": '\ube11',
	"PK": '\ube2b',
	"PL": 'L',
	"PT": 'P',
	"RO": '4',
	"RU": 'R',
	"SA": '\ubf41',
	"SH": 'd',
	"SK": 'Q',
	"SL": '5',
	"SQ": '\ubf51',
	"SR": '0',
	"SV": 'V',
	"TA": '\ubfa1',
	"TC": '\ubfa3',
	"TH": '2',
	"TR": 'T',
	"TT": '\ubfb4',
	"UK": '8',
	"VI": '\uc069',
	"Z1": 'Z',
	"Z8": ';',
	"Z9": '&',
	"ZF": 'M',
	"ZH": '1',
}

var languageCodes = func() map[rune]string {
	m := make(map[rune]string, len(languageKeys))
	for iso, key := range languageKeys {
		m[key] = iso
	}
	return m
}()
