package conformance_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"immtrail/conformance"
	"immtrail/registry"
)

// breaches has, for every rule that looks into messages, edits of the sound
// message that break this rule and no other, and where the finding points.
var breaches = map[string][]struct {
	path  string
	edits []edit
}{
	"F-03.line":    {{"line", []edit{after("PID", "and a second line")}}},
	"F-03.control": {{"PID", []edit{set("PID-11.1", "12 Poru\fvika Street")}}},
	"F-03.nul":     {{"RXA[2]", []edit{set("RXA[2]-5.2", "Hep\x00B")}}},
	"F-03.bytes":   {{"PID", []edit{set("PID-11.1", "12 Poru\xe9vika Street")}}},
	"F-03.charset": {
		{"MSH-18", []edit{set("MSH-18", "KLINGON")}},
		{"MSH-18", []edit{set("MSH-18", "8859/1"), set("PID-11.1", "12 Poruvíka Street")}},
		{"MSH-18", []edit{set("MSH-18", "8859/1"), set("PID-11.1", "12 Poru\x93vika Street")}},
		{"MSH-18", []edit{set("MSH-18", "ASCII"), set("PID-11.1", "12 Poruvíka Street")}},
	},
	"F-03.latin": {
		{"PID", []edit{set("MSH-18", "8859/1"), set("PID-11.1", "12 Poru\xe9vika Street")}},
		{"PID", []edit{set("MSH-18", "WINDOWS-1252"), set("PID-11.1", "12 Poru\x93vika Street")}},
	},
	"F-03.repeats":     {{"PID-3", []edit{set("PID-3", strings.Repeat("K1^^^SUNR1234^MR~", 300)+"K1^^^SUNR1234^MR")}}},
	"M-01":             {{"PID", []edit{drop("PID"), drop("NK1")}}},
	"M-01.order":       {{"PD1", []edit{drop("PD1"), after("NK1", "PD1")}}},
	"M-02":             {{"MSH-2", []edit{set("MSH-2", `^~\&#`)}}},
	"M-03":             {{"MSH-7", []edit{set("MSH-7", "")}}},
	"M-03.form":        {{"MSH-7", []edit{set("MSH-7", "20260304-0600")}}, {"MSH-7", []edit{set("MSH-7", "yesterday")}}},
	"M-03.future":      {{"MSH-7", []edit{set("MSH-7", "20260304141500-0600")}}},
	"M-03.zone":        {{"MSH-7", []edit{set("MSH-7", "20260304101500")}}},
	"M-04":             {{"MSH-9", []edit{set("MSH-9.2", "A08")}}},
	"M-05":             {{"MSH-12", []edit{set("MSH-12", "2.3.1")}}},
	"M-06":             {{"MSH-15", []edit{set("MSH-15", "AL")}}},
	"M-06.application": {{"MSH-16", []edit{set("MSH-16", "")}}},
	"M-07":             {{"MSH-21", []edit{set("MSH-21", "Z23^CDCPHINVS")}}},
	"M-08":             {{"MSH-4", []edit{set("MSH-4", "")}}},
	"M-08.application": {{"MSH-3", []edit{set("MSH-3", "")}}},
	"M-08.sender":      {{"MSH-4", []edit{set("MSH-4", "OTHER999"), set("MSH-22", "ELSEWHERE"), set("RXA-11", ""), set("RXA-9.1", "01"), set("RXA-3", "20250303")}}},
	"M-08.receiver": {
		{"MSH-6", []edit{set("MSH-6", "")}},
		{"MSH-6", []edit{set("MSH-6", "ELSEWHERE")}},
	},
	"M-08.site":      {{"MSH-4", []edit{set("MSH-4", "SUNR1234"), set("RXA-11.4", "SUNR1234")}}},
	"M-09":           {{"MSH-5", []edit{set("MSH-5", "")}}},
	"M-10":           {{"MSH-10", []edit{set("MSH-10", "")}}},
	"M-10.length":    {{"MSH-10", []edit{set("MSH-10", strings.Repeat("9", 200))}}},
	"F-10":           {{"MSH-11", []edit{set("MSH-11", "P")}}},
	"F-10.missing":   {{"MSH-11", []edit{set("MSH-11", "")}}},
	"P-01":           {{"PID", []edit{after("NK1", "ZZZ|1"), func(d doc) doc { return after("PID", d[1])(d) }}}},
	"P-02":           {{"PID-1", []edit{set("PID-1", "2")}}},
	"P-03":           {{"PID-3", []edit{set("PID-3", "")}}},
	"P-03.number":    {{"PID-3.1", []edit{set("PID-3", "^^^SUNR1234^MR")}}},
	"P-03.authority": {{"PID-3.4", []edit{set("PID-3", "KAVORI017^^^^MR")}}},
	"P-03.type":      {{"PID-3[2].5", []edit{set("PID-3", "K1^^^A^MR~K2^^^A")}}},
	"P-03.code":      {{"PID-3.5", []edit{set("PID-3", "K1^^^A^QQ")}}},
	"P-03.kind":      {{"PID-3.5", []edit{set("PID-3", "219-09-9998^^^SSA^SS")}}},
	"P-04":           {{"PID-5.1", []edit{set("PID-5.1", "")}}},
	"P-04.first":     {{"PID-5.2", []edit{set("PID-5.2", `""`)}}},
	"P-04.junk":      {{"PID-5.2", []edit{set("PID-5.2", "X")}}, {"PID-5.1", []edit{set("PID-5.1", "Unknown")}}, {"PID-5.1", []edit{set("PID-5.1", "Nemur1")}}},
	"P-04.newborn":   {{"PID-5.2", []edit{set("PID-5.2", "Baby Girl")}}},
	"P-04.type":      {{"PID-5.7", []edit{set("PID-5.7", "")}}},
	"P-04.legal":     {{"PID-5.7", []edit{set("PID-5.7", "A")}}},
	"P-05":           {{"PID-6", []edit{set("PID-6", "")}}},
	"P-05.last":      {{"PID-6.1", []edit{set("PID-6.1", "")}}},
	"P-05.type":      {{"PID-6.7", []edit{set("PID-6.7", "L")}}},
	"P-06":           {{"PID-7", []edit{set("PID-7", "")}}},
	"P-06.form":      {{"PID-7", []edit{set("PID-7", "20240230")}}, {"PID-7", []edit{set("PID-7", "2024")}}},
	"P-06.future":    {{"PID-7", []edit{set("PID-7", "20260401"), set("RXA-3", "20260303"), unborn}}},
	"P-06.old":       {{"PID-7", []edit{set("PID-7", "19010101"), adult}}},
	"P-07":           {{"PID-8", []edit{set("PID-8", "")}}},
	"P-07.code":      {{"PID-8", []edit{set("PID-8", "W")}}},
	"P-08":           {{"PID-10", []edit{set("PID-10", "")}}},
	"P-08.code":      {{"PID-10", []edit{set("PID-10.1", "W")}}},
	"P-08.more":      {{"PID-10", []edit{set("PID-10", "2106-3^White^CDCREC~2028-9^Asian^CDCREC")}}},
	"P-08.ethnicity": {
		{"PID-22", []edit{set("PID-22", "")}},
	},
	"P-08.ethnicitycode": {
		{"PID-22", []edit{set("PID-22.1", "H")}},
	},
	"P-08.ethnicities": {
		{"PID-22", []edit{set("PID-22", "2186-5^Not Hispanic or Latino^CDCREC~2135-2^Hispanic or Latino^CDCREC")}},
	},
	"P-09":                {{"PID-11", []edit{set("PID-11", "")}}},
	"P-09.city":           {{"PID-11.3", []edit{set("PID-11.3", "")}}},
	"P-09.type":           {{"PID-11.7", []edit{set("PID-11.7", "")}}},
	"P-09.kind":           {{"PID-11.7", []edit{set("PID-11.7", "Q")}}},
	"P-09.street":         {{"PID-11.1", []edit{set("PID-11.1", "")}}},
	"P-09.cityname":       {{"PID-11.3", []edit{set("PID-11.3", "Plano 2")}}, {"PID-11.3", []edit{set("PID-11.3", "Unknown")}}},
	"P-09.state":          {{"PID-11.4", []edit{set("PID-11.4", "XX")}}, {"PID-11.4", []edit{set("PID-11.4", "")}}},
	"P-09.zip":            {{"PID-11.5", []edit{set("PID-11.5", "7502")}}},
	"P-09.country":        {{"PID-11.6", []edit{set("PID-11.6", "ZZZ")}}},
	"P-10":                {{"PID-13.7", []edit{set("PID-13.7", "483")}}},
	"P-10.use":            {{"PID-13.2", []edit{set("PID-13.2", "HOME")}}},
	"P-10.equipment":      {{"PID-13.3", []edit{set("PID-13.3", "HOME")}}},
	"P-10.area":           {{"PID-13.6", []edit{set("PID-13.6", "")}}},
	"P-10.nouse":          {{"PID-13.2", []edit{set("PID-13.2", "")}}},
	"P-10.noemail":        {{"PID-13.4", []edit{set("PID-13", "^NET^Internet")}}},
	"P-10.nonumber":       {{"PID-13.7", []edit{set("PID-13.7", "")}}},
	"P-11":                {{"PID-24", []edit{set("PID-24", "X")}}},
	"P-11.noorder":        {{"PID-25", []edit{set("PID-24", "Y")}}},
	"P-11.order":          {{"PID-25", []edit{set("PID-24", "Y"), set("PID-25", "first")}}, {"PID-25", []edit{set("PID-25", "0")}}, {"PID-25", []edit{set("PID-25", "100")}}},
	"P-12":                {{"PID-29", []edit{set("PID-29", "20200101"), set("PID-30", "Y")}}},
	"P-05.junk":           {{"PID-6.1", []edit{set("PID-6.1", "Unknown")}}},
	"P-12.nodate":         {{"PID-29", []edit{set("PID-30", "Y")}}},
	"P-09.bad":            {{"PID-11.7", []edit{set("PID-11.7", "BA")}}},
	"P-10.email":          {{"PID-13.4", []edit{set("PID-13", "^NET^Internet^none")}}, {"PID-13.4", []edit{set("PID-13", "^NET^Internet^a@b")}}},
	"N-03.email":          {{"NK1[1]-5.4", []edit{set("NK1-5", "^NET^Internet^none")}}},
	"N-02.junk":           {{"NK1[1]-2.1", []edit{set("NK1-2.1", "Unknown")}}},
	"R-10.form":           {{"RXA[1]-15", []edit{set("RXA-15", "K4417 (P)")}}, {"RXA[1]-15", []edit{set("RXA-15", "K4417,K4418")}}},
	"P-12.form":           {{"PID-29", []edit{set("PID-29", "2026"), set("PID-30", "Y")}}},
	"P-12.code":           {{"PID-30", []edit{set("PID-30", "X")}}},
	"P-12.indicator":      {{"PID-30", []edit{set("PID-29", "20260304")}}},
	"P-13":                {{"PID-2", []edit{set("PID-2", "K1")}}},
	"P-13.alternate":      {{"PID-4", []edit{set("PID-4", "K1")}}},
	"P-13.alias":          {{"PID-9", []edit{set("PID-9", "Kavorimdelta^Nemu")}}},
	"P-13.county":         {{"PID-12", []edit{set("PID-12", "TX085")}}},
	"P-13.ssn":            {{"PID-19", []edit{set("PID-19", "219099998")}}},
	"P-13.license":        {{"PID-20", []edit{set("PID-20", "12345678^TX")}}},
	"P-13.mother":         {{"PID-21", []edit{set("PID-21", "K9^^^SUNR1234^MR")}}},
	"P-14":                {{"PID-3[2].1", []edit{set("PID-3", "K1^^^A^MR~666-12-3456^^^SSA^SS")}}},
	"D-01":                {{"PD1-11", []edit{set("PD1-11.1", "77")}}},
	"D-01.protection":     {{"PD1-12", []edit{set("PD1-12", "X")}}},
	"D-01.status":         {{"PD1-16", []edit{set("PD1-16", "X")}}},
	"D-01.protectionday":  {{"PD1-13", []edit{set("PD1-13", "soon")}}},
	"D-01.statusday":      {{"PD1-17", []edit{set("PD1-17", "202603")}}},
	"D-01.publicityday":   {{"PD1-18", []edit{set("PD1-18", "20260230")}}},
	"D-01.nopublicity":    {{"PD1-18", []edit{set("PD1-11", "")}}},
	"D-01.noprotection":   {{"PD1-13", []edit{set("PD1-12", "")}}},
	"D-01.nostatus":       {{"PD1-17", []edit{set("PD1-16", "")}}},
	"D-02":                {{"PD1-12", []edit{set("PD1-12", "Y")}}},
	"N-01":                {{"NK1", []edit{drop("NK1")}}},
	"N-02":                {{"NK1[1]-1", []edit{set("NK1-1", "2")}}},
	"N-02.name":           {{"NK1[1]-2", []edit{set("NK1-2", "")}}, {"NK1[1]-2", []edit{set("NK1-2", "^^^^^^L")}}},
	"N-02.last":           {{"NK1[1]-2.1", []edit{set("NK1-2.1", "")}}},
	"N-02.first":          {{"NK1[1]-2.2", []edit{set("NK1-2.2", "")}}},
	"N-02.nametype":       {{"NK1[1]-2.7", []edit{set("NK1-2.7", "")}}},
	"N-02.relation":       {{"NK1[1]-3", []edit{set("NK1-3", "")}}},
	"N-02.relationcode":   {{"NK1[1]-3", []edit{set("NK1-3.1", "MOM")}}},
	"N-03":                {{"NK1[1]-3", []edit{set("NK1-3.1", "SIB")}}},
	"N-03.contact":        {{"NK1[1]-4", []edit{set("NK1-4", ""), set("NK1-5", "")}}},
	"N-03.street":         {{"NK1[1]-4.1", []edit{set("NK1-4.1", "")}}},
	"N-03.city":           {{"NK1[1]-4.3", []edit{set("NK1-4.3", "")}}},
	"N-03.cityname":       {{"NK1[1]-4.3", []edit{set("NK1-4.3", "X")}}},
	"N-03.state":          {{"NK1[1]-4.4", []edit{set("NK1-4.4", "Texas")}}},
	"N-03.zip":            {{"NK1[1]-4.5", []edit{set("NK1-4.5", "0")}}},
	"N-03.country":        {{"NK1[1]-4.6", []edit{set("NK1-4.6", "USX")}}},
	"N-03.noaddresstype":  {{"NK1[1]-4.7", []edit{set("NK1-4.7", "")}}},
	"N-03.addresstype":    {{"NK1[1]-4.7", []edit{set("NK1-4.7", "Q")}}},
	"N-03.phone":          {{"NK1[1]-5.7", []edit{set("NK1-5.7", "0000000")}}},
	"N-03.area":           {{"NK1[1]-5.6", []edit{set("NK1-5.6", "12")}}},
	"N-03.use":            {{"NK1[1]-5.2", []edit{set("NK1-5.2", "HOME")}}},
	"N-03.equipment":      {{"NK1[1]-5.3", []edit{set("NK1-5.3", "HOME")}}},
	"N-03.nouse":          {{"NK1[1]-5.2", []edit{set("NK1-5.2", "")}}},
	"N-03.noemail":        {{"NK1[1]-5.4", []edit{set("NK1-5", "^NET^Internet")}}},
	"N-03.nonumber":       {{"NK1[1]-5.7", []edit{set("NK1-5.7", "")}}},
	"N-03.self":           {{"NK1[1]-2", []edit{set("NK1-3.1", "SEL")}}},
	"O-01":                {{"RXA[2] ORC", []edit{drop("ORC[2]")}}},
	"O-01.control":        {{"ORC[1]-1", []edit{set("ORC-1", "OK")}}},
	"O-02":                {{"ORC[1]-3", []edit{set("ORC-3", "")}}},
	"O-02.authority":      {{"ORC[1]-3.2", []edit{set("ORC-3", "d-1")}}},
	"O-02.unique":         {{"ORC[2]-3", []edit{set("ORC[2]-3", "d-1^SUNR1234")}}},
	"O-02.none":           {{"ORC[1]-3", []edit{set("ORC-3", "9999^SUNR1234")}}},
	"O-03":                {{"ORC[1]-12", []edit{set("ORC-12", "")}}},
	"O-03.agreement":      {{"ORC[1]-12", []edit{set("ORC-12.1", "9999999999")}}},
	"R-01":                {{"RXA", []edit{drop("ORC"), drop("RXA"), drop("RXR"), drop("OBX"), drop("OBX"), drop("OBX"), drop("OBX"), drop("OBX"), drop("ORC"), drop("RXA")}}},
	"R-01.group":          {{"ORC[2]", []edit{drop("RXA[2]")}}},
	"R-02":                {{"RXA[1]-1", []edit{set("RXA-1", "1")}}},
	"R-02.administration": {{"RXA[1]-2", []edit{set("RXA-2", "999")}}},
	"R-03":                {{"RXA[2]-3", []edit{set("RXA[2]-3", "")}}},
	"R-03.form":           {{"RXA[2]-3", []edit{set("RXA[2]-3", "20240230")}}},
	"R-03.future":         {{"RXA[1]-3", []edit{set("RXA-3", "20260401")}}},
	"R-03.birth":          {{"RXA[2]-3", []edit{set("RXA[2]-3", "20230101")}}},
	"R-03.death":          {{"RXA[1]-3", []edit{set("PID-29", "20250101"), set("PID-30", "Y")}}},
	"R-04":                {{"RXA[1]-4", []edit{set("RXA-4", "20260304")}}},
	"R-05":                {{"RXA[2]-5.1", []edit{set("RXA[2]-5", "")}}},
	"R-05.notable":        {{"RXA[2]-5.3", []edit{set("RXA[2]-5.3", "")}}},
	"R-05.table":          {{"RXA[2]-5.3", []edit{set("RXA[2]-5.3", "ICD10")}}},
	"R-05.code":           {{"RXA[2]-5.1", []edit{set("RXA[2]-5.1", "777")}}},
	"R-05.ndc":            {{"RXA[2]-5.1", []edit{set("RXA[2]-5", "11111-1111-11^none^NDC")}}},
	"R-05.unknown":        {{"RXA[2]-5.1", []edit{set("RXA[2]-5.1", "999")}}},
	"R-05.unspecified": {
		{"RXA[1]-5.1", []edit{set("RXA-5.1", "45"), set("OBX[3]-5.1", "45"), set("OBX[4]-5", "20211015")}},
	},
	"R-05.none":    {{"RXA[1]-5.1", []edit{set("RXA-5.1", "998"), set("RXA-6", "999"), set("RXA-7", "")}}},
	"R-05.pair":    {{"RXA[1]-5", []edit{set("RXA-5", "03^MMR^CVX^49281-0560-05^Pentacel^NDC")}}, {"RXA[1]-5", []edit{set("RXA-5", "03^MMR^CVX^90744^Hep B^C4")}}},
	"R-05.form":    {{"RXA[2]-5.1", []edit{set("RXA[2]-3", "20250303"), set("RXA[2]-5", "00006468101^M-M-R II^NDC")}}},
	"R-06":         {{"RXA[1]-5.1", []edit{set("RXA-5.1", "138"), set("RXA-17", "PMC^Sanofi Pasteur^MVX"), set("PID-7", "20150115"), set("OBX[3]-5.1", "139"), set("OBX[4]-5", "20210806")}}},
	"R-07":         {{"RXA[1]-6", []edit{set("RXA-6", "")}}},
	"R-07.form":    {{"RXA[1]-6", []edit{set("RXA-6", "half")}}},
	"R-07.none":    {{"RXA[2]-6", []edit{set("RXA[2]-6", "0.5"), set("RXA[2]-7", "mL^mL^UCUM"), set("RXA[2]-20", "RE"), set("RXA[2]-18", "00^Parental^NIP002"), set("RXA[2]-9", ""), set("ORC[2]-3.1", "9999")}}},
	"R-07.unknown": {{"RXA[1]-6", []edit{set("RXA-6", "999"), set("RXA-7", "")}}},
	"R-07.unit":    {{"RXA[1]-7", []edit{set("RXA-7", "")}}},
	"R-07.nounit":  {{"RXA[2]-7", []edit{set("RXA[2]-7", "mL")}}},
	"R-07.code":    {{"RXA[1]-7", []edit{set("RXA-7.1", "ML")}}},
	"R-08":         {{"RXA[2]-9", []edit{set("RXA[2]-9", "")}}},
	"R-08.code":    {{"RXA[2]-9", []edit{set("RXA[2]-9.1", "77")}}},
	"R-08.extra":   {{"RXA[2]-9", []edit{set("RXA[2]-20", "NA"), set("ORC[2]-3.1", "9999")}}},
	"R-08.none":    {{"RXA[2]-9", []edit{set("RXA[2]-9", ""), set("RXA[2]-20", "")}}},
	"R-08.given":   {{"RXA[2]-9", []edit{set("RXA[2]-3", "20260303"), set("RXA[2]-6", "0.5"), set("RXA[2]-7", "mL^mL^UCUM"), set("RXA[2]-15", "K99A")}}},
	"R-08.historic": {
		{"RXA[1]-9", []edit{set("RXA-15", ""), set("RXA-16", ""), set("RXA-17", ""), given("20250303")}},
	},
	"R-09":          {{"RXA[1]-10", []edit{set("RXA-10", "")}}},
	"R-09.place":    {{"RXA[1]-11", []edit{set("RXA-11", "")}}},
	"R-09.facility": {{"RXA[1]-11.4", []edit{set("RXA-11", "room 2")}}},
	"R-09.foreign":  {{"RXA[1]-11.4", []edit{set("RXA-11.4", "ELSEWHERE")}}},
	"R-10":          {{"RXA[1]-15", []edit{set("RXA-15", "")}}},
	"R-10.junk":     {{"RXA[1]-15", []edit{set("RXA-15", "none")}}},
	"R-11":          {{"RXA[1]-16", []edit{set("RXA-16", "")}}},
	"R-11.form":     {{"RXA[1]-16", []edit{set("RXA-16", "never")}}, {"RXA[1]-16", []edit{set("RXA-16", "202713")}}},
	"R-11.expired":  {{"RXA[1]-3", []edit{set("RXA-16", "20260302")}}},
	"R-12":          {{"RXA[1]-17", []edit{set("RXA-17", "")}}},
	"R-12.code":     {{"RXA[1]-17", []edit{set("RXA-17.1", "QQQ")}}},
	"R-12.pair":     {{"RXA[1]-17", []edit{set("RXA-17.1", "PFR")}}},
	"R-13":          {{"RXA[2]-18", []edit{refused}}},
	"R-13.extra":    {{"RXA[1]-18", []edit{set("RXA-18.1", "00")}}},
	"R-13.code":     {{"RXA[2]-18", []edit{refused, set("RXA[2]-18", "77^x^NIP002")}}},
	"R-14":          {{"RXA[2]-20", []edit{set("RXA[2]-20", "")}}},
	"R-14.code":     {{"RXA[2]-20", []edit{set("RXA[2]-20", "XX"), set("RXA[2]-9", "")}}},
	"R-15.delete":   {{"RXA[1]-21", []edit{set("RXA-21", "D")}}},
	"R-15":          {{"RXA[1]-21", []edit{set("RXA-21", "")}}},
	"R-15.code":     {{"RXA[1]-21", []edit{set("RXA-21", "X")}}},
	"R-16":          {{"RXA[1]-22", []edit{set("RXA-22", "20260302")}}, {"RXA[1]-22", []edit{set("RXA-22", "20260305")}}},
	"R-16.form":     {{"RXA[1]-22", []edit{set("RXA-22", "soon")}}},
	"X-01":          {{"RXR[1]-1", []edit{set("RXR-1", "")}}},
	"X-01.code":     {{"RXR[1]-1", []edit{set("RXR-1.1", "ARM")}}},
	"X-01.old":      {{"RXR[1]-1", []edit{set("RXR-1", "SC^^HL70162")}}},
	"X-01.none":     {{"RXA[1] RXR", []edit{drop("RXR")}}},
	"X-02.none":     {{"RXR[1]-2", []edit{set("RXR-2", "")}}},
	"X-02":          {{"RXR[1]-2", []edit{set("RXR-2.1", "ARM")}}},
	"B-01":          {{"OBX[2]-1", []edit{set("OBX[2]-1", "3")}}},
	"B-01.status":   {{"OBX[2]-11", []edit{set("OBX[2]-11", "P")}}},
	"B-01.answer":   {{"OBX[2]-5", []edit{set("OBX[2]-5", "")}}},
	"B-01.group":    {{"OBX[2]-4", []edit{set("OBX[2]-4", "")}}, {"OBX[2]-4", []edit{set("OBX[2]-4", "1a")}}},
	"B-01.type":     {{"OBX[2]-2", []edit{set("OBX[2]-2", "")}}},
	"B-01.question": {{"OBX[2]-3", []edit{set("OBX[2]-3", "")}}},
	"B-02":          {{"OBX[5]-2", []edit{set("OBX[5]-2", "XX")}}},
	"B-02.value":    {{"OBX[2]-5", []edit{set("OBX[2]-5", "VXC50")}}},
	"B-02.unit":     {{"OBX[6]-6", []edit{numbered("12", "")}}},
	"B-03":          {{"OBX[2]-3", []edit{set("OBX[2]-3.1", "11111-1")}}},
	"B-04":          {{"RXA[1] OBX", []edit{set("OBX-3.1", "31044-1"), set("OBX-5", "VXC9^x^CDCPHINVS")}}},
	"B-04.code":     {{"OBX[1]-5", []edit{set("OBX-5.1", "V99")}}},
	"B-04.way":      {{"OBX[1]-17", []edit{set("OBX-17", "")}}},
	"B-05":          {{"OBX[1]-5", []edit{set("OBX-5.1", "V24")}}},
	"B-06":          {{"OBX[2]-5", []edit{set("OBX[2]-5.1", "VXC99")}}},
	"B-07":          {{"RXA[1] OBX", []edit{drop("OBX[5]")}}, {"RXA[1] OBX", []edit{set("OBX[5]-4", "3")}}},
	"B-07.code":     {{"OBX[3]-5", []edit{barcoded, set("OBX[3]-5.1", "253088698399912711210806")}}},
	"B-07.type":     {{"OBX[3]-5", []edit{set("OBX[3]-5.1", "777")}}},
	"B-07.date":     {{"OBX[5]-5", []edit{set("OBX[5]-5", "20200101")}}, {"OBX[5]-5", []edit{set("OBX[5]-5", "20260401")}}},
	"B-08.form":     {{"OBX[1]-14", []edit{set("OBX-14", "2026")}}},
	"B-08":          {{"OBX[1]-14", []edit{set("OBX-14", "")}}},
}

// refused makes the second dose a refused one, without a reason.
func refused(d doc) doc {
	for _, e := range []edit{set("RXA[2]-20", "RE"), set("RXA[2]-9", ""), set("ORC[2]-3.1", "9999")} {
		d = e(d)
	}
	return d
}

// numbered adds an observation whose answer is a number.
func numbered(value, unit string) edit {
	return after("OBX[5]", "OBX|6|NM|30973-2^Dose number in series^LN|3|"+value+"|"+unit+"|||||F|||20260303")
}

// barcoded tells the statement by its bar code.
func barcoded(d doc) doc {
	for _, e := range []edit{
		set("OBX[3]-3", "69764-9^Document type^LN"), set("OBX[3]-5", "253088698300012711210806^MMR VIS^cdcgs1vis"), drop("OBX[4]"), set("OBX[4]-1", "4"),
	} {
		d = e(d)
	}
	return d
}

// also are rules that cannot but be broken with another; see otherwise.
var also = map[string][]string{"R-08.historic": {"R-10", "R-12"}}

// adult makes the sound message's child an adult with an adult's dose.
func adult(d doc) doc {
	for _, e := range []edit{
		set("PID-6", ""), drop("NK1"), set("ZTX-1", "TXA"), set("OBX-5", "V01^Not eligible^HL70064"), set("OBX[2]-5", "PHC70^Private^CDCPHINVS"), set("RXA[2]-5.1", "43"),
	} {
		d = e(d)
	}
	return d
}

// given dates the first dose and the day on which its statement was handed out.
func given(day string) edit {
	return func(d doc) doc { return set("OBX[5]-5", day)(set("RXA-3", day)(d)) }
}

// unborn leaves no dose that could be before birth.
func unborn(d doc) doc {
	for _, e := range []edit{set("RXA-3", "20260304"), set("OBX[5]-5", "20260304"), set("RXA[2]-3", "20260304")} {
		d = e(d)
	}
	return d
}

func TestEveryRuleIsBrokenAloneAndPointsAtItsPlace(t *testing.T) {
	for _, id := range slices.Sorted(maps.Keys(breaches)) {
		for i, b := range breaches[id] {
			name := id
			if i > 0 {
				name += " again"
			}
			t.Run(name, func(t *testing.T) {
				v := judge(t, batch(soundWith("c-1", b.edits...)))
				require.Equal(t, append([]string{id}, also[id]...), v.rules(), "%v", v.findings)
				f := v.findings[slices.IndexFunc(v.findings, func(f registry.Finding) bool { return f.Rule == id })]
				require.Equal(t, b.path, f.Path)
				require.Equal(t, 1, f.Message)
				require.Positive(t, f.Line)
			})
		}
	}
}

func TestEveryRuleSpeaksInSentences(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range conformance.Rules() {
		require.False(t, seen[r.ID], "%s twice", r.ID)
		seen[r.ID] = true
		require.True(t, seen[r.ID] && strings.HasSuffix(r.Says, ".") && strings.HasSuffix(r.Remedy, "."), r.ID)
		require.NotEmpty(t, r.Source, r.ID)
		require.NotEmpty(t, r.Where, r.ID)
		if !strings.HasPrefix(r.ID, "Z-") || strings.HasPrefix(r.ID, "C-0") { // some of which wait to be switched on
			require.NotEqual(t, conformance.Lanes{}, r.Severity, r.ID)
		}
		if r.Drops == conformance.DropsDose {
			require.Equal(t, registry.SeverityError, r.Severity.Production, r.ID)
		}
	}
	_, ok := conformance.Lookup("R-03.future")
	require.True(t, ok)
	_, ok = conformance.Lookup("R-99")
	require.False(t, ok)
	require.Equal(t, []string{"R-99", "R-03.past"}, conformance.UnknownRules([]string{"R-03", "R-99", "R-03.past", "F-11"}))
}
