// Written by Tests/References/make_caption_tables.py.

/// Tables for the cleaning of captions.
enum CaptionTables {
  /// HTML's names in lower case and the code points they stand for; `!`: without `;` too.
  static let references = """
    aacute!=e1 abreve=103 ac=223e acd=223f acirc!=e2 acute!=b4 acy=430 aelig!=e6 af=2061 afr=1d51e
    agrave!=e0 alefsym=2135 aleph=2135 alpha=3b1 amacr=101 amalg=2a3f amp!=26 and=2227 andand=2a55
    andd=2a5c andslope=2a58 andv=2a5a ang=2220 ange=29a4 angle=2220 angmsd=2221 angmsdaa=29a8
    angmsdab=29a9 angmsdac=29aa angmsdad=29ab angmsdae=29ac angmsdaf=29ad angmsdag=29ae
    angmsdah=29af angrt=221f angrtvb=22be angrtvbd=299d angsph=2222 angst=c5 angzarr=237c aogon=105
    aopf=1d552 ap=2248 apacir=2a6f ape=224a apid=224b apos=27 approx=2248 approxeq=224a aring!=e5
    ascr=1d4b6 ast=2a asymp=2248 asympeq=224d atilde!=e3 auml!=e4 awconint=2233 awint=2a11
    backcong=224c backepsilon=3f6 backprime=2035 backsim=223d backsimeq=22cd barvee=22bd barwed=2305
    barwedge=2305 bbrk=23b5 bbrktbrk=23b6 bcong=224c bcy=431 bdquo=201e becaus=2235 because=2235
    bemptyv=29b0 bepsi=3f6 bernou=212c beta=3b2 beth=2136 between=226c bfr=1d51f bigcap=22c2
    bigcirc=25ef bigcup=22c3 bigodot=2a00 bigoplus=2a01 bigotimes=2a02 bigsqcup=2a06 bigstar=2605
    bigtriangledown=25bd bigtriangleup=25b3 biguplus=2a04 bigvee=22c1 bigwedge=22c0 bkarow=290d
    blacklozenge=29eb blacksquare=25aa blacktriangle=25b4 blacktriangledown=25be
    blacktriangleleft=25c2 blacktriangleright=25b8 blank=2423 blk12=2592 blk14=2591 blk34=2593
    block=2588 bne=3d+20e5 bnequiv=2261+20e5 bnot=2310 bopf=1d553 bot=22a5 bottom=22a5 bowtie=22c8
    boxbox=29c9 boxdl=2510 boxdr=250c boxh=2500 boxhd=252c boxhu=2534 boxminus=229f boxplus=229e
    boxtimes=22a0 boxul=2518 boxur=2514 boxv=2502 boxvh=253c boxvl=2524 boxvr=251c bprime=2035
    breve=2d8 brvbar!=a6 bscr=1d4b7 bsemi=204f bsim=223d bsime=22cd bsol=5c bsolb=29c5 bsolhsub=27c8
    bull=2022 bullet=2022 bump=224e bumpe=224f bumpeq=224f cacute=107 cap=2229 capand=2a44
    capbrcup=2a49 capcap=2a4b capcup=2a47 capdot=2a40 caps=2229+fe00 caret=2041 caron=2c7 ccaps=2a4d
    ccaron=10d ccedil!=e7 ccirc=109 ccups=2a4c ccupssm=2a50 cdot=10b cedil!=b8 cemptyv=29b2 cent!=a2
    centerdot=b7 cfr=1d520 chcy=447 check=2713 checkmark=2713 chi=3c7 cir=25cb circ=2c6 circeq=2257
    circlearrowleft=21ba circlearrowright=21bb circledast=229b circledcirc=229a circleddash=229d
    cire=2257 cirfnint=2a10 cirmid=2aef cirscir=29c2 clubs=2663 clubsuit=2663 colon=3a colone=2254
    coloneq=2254 comma=2c commat=40 comp=2201 compfn=2218 complement=2201 complexes=2102 cong=2245
    congdot=2a6d conint=222e copf=1d554 coprod=2210 copy!=a9 copysr=2117 crarr=21b5 cross=2717
    cscr=1d4b8 csub=2acf csube=2ad1 csup=2ad0 csupe=2ad2 ctdot=22ef cudarrl=2938 cudarrr=2935
    cuepr=22de cuesc=22df cularr=21b6 cularrp=293d cup=222a cupbrcap=2a48 cupcap=2a46 cupcup=2a4a
    cupdot=228d cupor=2a45 cups=222a+fe00 curarr=21b7 curarrm=293c curlyeqprec=22de curlyeqsucc=22df
    curlyvee=22ce curlywedge=22cf curren!=a4 curvearrowleft=21b6 curvearrowright=21b7 cuvee=22ce
    cuwed=22cf cwconint=2232 cwint=2231 cylcty=232d dagger=2020 daleth=2138 darr=2193 dash=2010
    dashv=22a3 dbkarow=290f dblac=2dd dcaron=10f dcy=434 dd=2146 ddagger=2021 ddarr=21ca
    ddotseq=2a77 deg!=b0 delta=3b4 demptyv=29b1 dfisht=297f dfr=1d521 dharl=21c3 dharr=21c2
    diam=22c4 diamond=22c4 diamondsuit=2666 diams=2666 die=a8 digamma=3dd disin=22f2 div=f7
    divide!=f7 divideontimes=22c7 divonx=22c7 djcy=452 dlcorn=231e dlcrop=230d dollar=24 dopf=1d555
    dot=2d9 doteq=2250 doteqdot=2251 dotminus=2238 dotplus=2214 dotsquare=22a1 doublebarwedge=2306
    downarrow=2193 downdownarrows=21ca downharpoonleft=21c3 downharpoonright=21c2 drbkarow=2910
    drcorn=231f drcrop=230c dscr=1d4b9 dscy=455 dsol=29f6 dstrok=111 dtdot=22f1 dtri=25bf dtrif=25be
    duarr=21f5 duhar=296f dwangle=29a6 dzcy=45f dzigrarr=27ff eacute!=e9 easter=2a6e ecaron=11b
    ecir=2256 ecirc!=ea ecolon=2255 ecy=44d edot=117 ee=2147 efr=1d522 eg=2a9a egrave!=e8 egs=2a96
    egsdot=2a98 el=2a99 elinters=23e7 ell=2113 els=2a95 elsdot=2a97 emacr=113 empty=2205
    emptyset=2205 emptyv=2205 emsp=2003 emsp13=2004 emsp14=2005 eng=14b ensp=2002 eogon=119
    eopf=1d556 epar=22d5 eparsl=29e3 eplus=2a71 epsi=3b5 epsilon=3b5 epsiv=3f5 eqcirc=2256
    eqcolon=2255 eqsim=2242 eqslantgtr=2a96 eqslantless=2a95 equals=3d equest=225f equiv=2261
    eqvparsl=29e5 erarr=2971 escr=212f esdot=2250 esim=2242 eta=3b7 eth!=f0 euml!=eb euro=20ac
    excl=21 exist=2203 expectation=2130 exponentiale=2147 fallingdotseq=2252 fcy=444 female=2640
    ffilig=fb03 fflig=fb00 ffllig=fb04 ffr=1d523 filig=fb01 fjlig=66+6a flat=266d fllig=fb02
    fltns=25b1 fnof=192 fopf=1d557 forall=2200 fork=22d4 forkv=2ad9 fpartint=2a0d frac12!=bd
    frac13=2153 frac14!=bc frac15=2155 frac16=2159 frac18=215b frac23=2154 frac25=2156 frac34!=be
    frac35=2157 frac38=215c frac45=2158 frac56=215a frac58=215d frac78=215e frasl=2044 frown=2322
    fscr=1d4bb gacute=1f5 gamma=3b3 gammad=3dd gap=2a86 gbreve=11f gcirc=11d gcy=433 gdot=121
    ge=2265 gel=22db geq=2265 geqq=2267 geqslant=2a7e ges=2a7e gescc=2aa9 gesdot=2a80 gesdoto=2a82
    gesdotol=2a84 gesl=22db+fe00 gesles=2a94 gfr=1d524 gg=226b ggg=22d9 gimel=2137 gjcy=453 gl=2277
    gla=2aa5 glj=2aa4 gnap=2a8a gnapprox=2a8a gne=2a88 gneq=2a88 gneqq=2269 gnsim=22e7 gopf=1d558
    grave=60 gscr=210a gsim=2273 gsime=2a8e gsiml=2a90 gt!=3e gtcc=2aa7 gtcir=2a7a gtdot=22d7
    gtquest=2a7c gtrapprox=2a86 gtrarr=2978 gtrdot=22d7 gtreqless=22db gtreqqless=2a8c gtrless=2277
    gtrsim=2273 gvertneqq=2269+fe00 hairsp=200a half=bd hamilt=210b hardcy=44a harr=2194
    harrcir=2948 harrw=21ad hbar=210f hcirc=125 hearts=2665 heartsuit=2665 hellip=2026 hercon=22b9
    hfr=1d525 hksearow=2925 hkswarow=2926 hoarr=21ff homtht=223b hookleftarrow=21a9
    hookrightarrow=21aa hopf=1d559 horbar=2015 hscr=1d4bd hslash=210f hstrok=127 hybull=2043
    hyphen=2010 iacute!=ed ic=2063 icirc!=ee icy=438 iecy=435 iexcl!=a1 iff=21d4 ifr=1d526
    igrave!=ec ii=2148 iiiint=2a0c iiint=222d iinfin=29dc iiota=2129 ijlig=133 imacr=12b image=2111
    imagline=2110 imagpart=2111 imath=131 imof=22b7 imped=1b5 in=2208 incare=2105 infin=221e
    infintie=29dd inodot=131 int=222b intcal=22ba integers=2124 intercal=22ba intlarhk=2a17
    intprod=2a3c iocy=451 iogon=12f iopf=1d55a iota=3b9 iprod=2a3c iquest!=bf iscr=1d4be isin=2208
    isindot=22f5 isins=22f4 isinsv=22f3 isinv=2208 it=2062 itilde=129 iukcy=456 iuml!=ef jcirc=135
    jcy=439 jfr=1d527 jmath=237 jopf=1d55b jscr=1d4bf jsercy=458 jukcy=454 kappa=3ba kappav=3f0
    kcedil=137 kcy=43a kfr=1d528 kgreen=138 khcy=445 kjcy=45c kopf=1d55c kscr=1d4c0 lacute=13a
    laemptyv=29b4 lagran=2112 lambda=3bb lang=27e8 langd=2991 langle=27e8 lap=2a85 laquo!=ab
    larr=2190 larrb=21e4 larrbfs=291f larrfs=291d larrhk=21a9 larrlp=21ab larrpl=2939 larrsim=2973
    larrtl=21a2 lat=2aab latail=2919 late=2aad lates=2aad+fe00 lbarr=290c lbbrk=2772 lbrace=7b
    lbrack=5b lbrke=298b lbrksld=298f lbrkslu=298d lcaron=13e lcedil=13c lceil=2308 lcub=7b lcy=43b
    ldca=2936 ldquo=201c ldquor=201e ldrdhar=2967 ldrushar=294b ldsh=21b2 le=2264 leftarrow=2190
    leftarrowtail=21a2 leftharpoondown=21bd leftharpoonup=21bc leftleftarrows=21c7
    leftrightarrow=2194 leftrightarrows=21c6 leftrightharpoons=21cb leftrightsquigarrow=21ad
    leftthreetimes=22cb leg=22da leq=2264 leqq=2266 leqslant=2a7d les=2a7d lescc=2aa8 lesdot=2a7f
    lesdoto=2a81 lesdotor=2a83 lesg=22da+fe00 lesges=2a93 lessapprox=2a85 lessdot=22d6
    lesseqgtr=22da lesseqqgtr=2a8b lessgtr=2276 lesssim=2272 lfisht=297c lfloor=230a lfr=1d529
    lg=2276 lhard=21bd lharu=21bc lharul=296a lhblk=2584 ljcy=459 ll=226a llarr=21c7 llcorner=231e
    llhard=296b lltri=25fa lmidot=140 lmoust=23b0 lmoustache=23b0 lnap=2a89 lnapprox=2a89 lne=2a87
    lneq=2a87 lneqq=2268 lnsim=22e6 loang=27ec loarr=21fd lobrk=27e6 longleftarrow=27f5
    longleftrightarrow=27f7 longmapsto=27fc longrightarrow=27f6 looparrowleft=21ab
    looparrowright=21ac lopar=2985 lopf=1d55d loplus=2a2d lotimes=2a34 lowast=2217 lowbar=5f
    loz=25ca lozenge=25ca lozf=29eb lpar=28 lparlt=2993 lrarr=21c6 lrcorner=231f lrhar=21cb
    lrhard=296d lrm=200e lrtri=22bf lsaquo=2039 lscr=1d4c1 lsh=21b0 lsim=2272 lsime=2a8d lsimg=2a8f
    lsqb=5b lsquo=2018 lsquor=201a lstrok=142 lt!=3c ltcc=2aa6 ltcir=2a79 ltdot=22d6 lthree=22cb
    ltimes=22c9 ltlarr=2976 ltquest=2a7b ltri=25c3 ltrie=22b4 ltrif=25c2 lurdshar=294a luruhar=2966
    lvertneqq=2268+fe00 macr!=af male=2642 malt=2720 maltese=2720 map=21a6 mapsto=21a6
    mapstodown=21a7 mapstoleft=21a4 mapstoup=21a5 marker=25ae mcomma=2a29 mcy=43c mdash=2014
    measuredangle=2221 mfr=1d52a mho=2127 micro!=b5 mid=2223 midast=2a midcir=2af0 middot!=b7
    minus=2212 minusb=229f minusd=2238 minusdu=2a2a mlcp=2adb mldr=2026 mnplus=2213 models=22a7
    mopf=1d55e mp=2213 mscr=1d4c2 mstpos=223e mu=3bc multimap=22b8 mumap=22b8 nabla=2207 nacute=144
    nang=2220+20d2 nap=2249 napid=224b+338 napos=149 napprox=2249 natur=266e natural=266e
    naturals=2115 nbsp!=a0 nbump=224e+338 nbumpe=224f+338 ncap=2a43 ncaron=148 ncedil=146 ncong=2247
    ncongdot=2a6d+338 ncup=2a42 ncy=43d ndash=2013 ne=2260 nearhk=2924 nearr=2197 nearrow=2197
    nedot=2250+338 nequiv=2262 nesear=2928 nesim=2242+338 nexist=2204 nexists=2204 nfr=1d52b
    nge=2271 ngeq=2271 ngeqq=2267+338 ngeqslant=2a7e+338 nges=2a7e+338 ngsim=2275 ngt=226f ngtr=226f
    nharr=21ae nhpar=2af2 ni=220b nis=22fc nisd=22fa niv=220b njcy=45a nlarr=219a nldr=2025 nle=2270
    nleftarrow=219a nleftrightarrow=21ae nleq=2270 nleqq=2266+338 nleqslant=2a7d+338 nles=2a7d+338
    nless=226e nlsim=2274 nlt=226e nltri=22ea nltrie=22ec nmid=2224 nopf=1d55f not!=ac notin=2209
    notindot=22f5+338 notinva=2209 notinvb=22f7 notinvc=22f6 notni=220c notniva=220c notnivb=22fe
    notnivc=22fd npar=2226 nparallel=2226 nparsl=2afd+20e5 npart=2202+338 npolint=2a14 npr=2280
    nprcue=22e0 npre=2aaf+338 nprec=2280 npreceq=2aaf+338 nrarr=219b nrarrc=2933+338 nrarrw=219d+338
    nrightarrow=219b nrtri=22eb nrtrie=22ed nsc=2281 nsccue=22e1 nsce=2ab0+338 nscr=1d4c3
    nshortmid=2224 nshortparallel=2226 nsim=2241 nsime=2244 nsimeq=2244 nsmid=2224 nspar=2226
    nsqsube=22e2 nsqsupe=22e3 nsub=2284 nsube=2288 nsubset=2282+20d2 nsubseteq=2288
    nsubseteqq=2ac5+338 nsucc=2281 nsucceq=2ab0+338 nsup=2285 nsupe=2289 nsupset=2283+20d2
    nsupseteq=2289 nsupseteqq=2ac6+338 ntgl=2279 ntilde!=f1 ntlg=2278 ntriangleleft=22ea
    ntrianglelefteq=22ec ntriangleright=22eb ntrianglerighteq=22ed nu=3bd num=23 numero=2116
    numsp=2007 nvap=224d+20d2 nvdash=22ac nvge=2265+20d2 nvgt=3e+20d2 nvinfin=29de nvle=2264+20d2
    nvlt=3c+20d2 nvltrie=22b4+20d2 nvrtrie=22b5+20d2 nvsim=223c+20d2 nwarhk=2923 nwarr=2196
    nwarrow=2196 nwnear=2927 oacute!=f3 oast=229b ocir=229a ocirc!=f4 ocy=43e odash=229d odblac=151
    odiv=2a38 odot=2299 odsold=29bc oelig=153 ofcir=29bf ofr=1d52c ogon=2db ograve!=f2 ogt=29c1
    ohbar=29b5 ohm=3a9 oint=222e olarr=21ba olcir=29be olcross=29bb oline=203e olt=29c0 omacr=14d
    omega=3c9 omicron=3bf omid=29b6 ominus=2296 oopf=1d560 opar=29b7 operp=29b9 oplus=2295 or=2228
    orarr=21bb ord=2a5d order=2134 orderof=2134 ordf!=aa ordm!=ba origof=22b6 oror=2a56 orslope=2a57
    orv=2a5b oscr=2134 oslash!=f8 osol=2298 otilde!=f5 otimes=2297 otimesas=2a36 ouml!=f6 ovbar=233d
    par=2225 para!=b6 parallel=2225 parsim=2af3 parsl=2afd part=2202 pcy=43f percnt=25 period=2e
    permil=2030 perp=22a5 pertenk=2031 pfr=1d52d phi=3c6 phiv=3d5 phmmat=2133 phone=260e pi=3c0
    pitchfork=22d4 piv=3d6 planck=210f planckh=210e plankv=210f plus=2b plusacir=2a23 plusb=229e
    pluscir=2a22 plusdo=2214 plusdu=2a25 pluse=2a72 plusmn!=b1 plussim=2a26 plustwo=2a27 pm=b1
    pointint=2a15 popf=1d561 pound!=a3 pr=227a prap=2ab7 prcue=227c pre=2aaf prec=227a
    precapprox=2ab7 preccurlyeq=227c preceq=2aaf precnapprox=2ab9 precneqq=2ab5 precnsim=22e8
    precsim=227e prime=2032 primes=2119 prnap=2ab9 prnsim=22e8 prod=220f profalar=232e profline=2312
    profsurf=2313 prop=221d propto=221d prsim=227e prurel=22b0 pscr=1d4c5 psi=3c8 puncsp=2008
    qfr=1d52e qint=2a0c qopf=1d562 qprime=2057 qscr=1d4c6 quaternions=210d quatint=2a16 quest=3f
    questeq=225f quot!=22 race=223d+331 racute=155 radic=221a raemptyv=29b3 rang=27e9 rangd=2992
    range=29a5 rangle=27e9 raquo!=bb rarr=2192 rarrap=2975 rarrb=21e5 rarrbfs=2920 rarrc=2933
    rarrfs=291e rarrhk=21aa rarrlp=21ac rarrpl=2945 rarrsim=2974 rarrtl=21a3 rarrw=219d ratail=291a
    ratio=2236 rationals=211a rbarr=290d rbbrk=2773 rbrace=7d rbrack=5d rbrke=298c rbrksld=298e
    rbrkslu=2990 rcaron=159 rcedil=157 rceil=2309 rcub=7d rcy=440 rdca=2937 rdldhar=2969 rdquo=201d
    rdquor=201d rdsh=21b3 real=211c realine=211b realpart=211c reals=211d rect=25ad reg!=ae
    rfisht=297d rfloor=230b rfr=1d52f rhard=21c1 rharu=21c0 rharul=296c rho=3c1 rhov=3f1
    rightarrow=2192 rightarrowtail=21a3 rightharpoondown=21c1 rightharpoonup=21c0
    rightleftarrows=21c4 rightleftharpoons=21cc rightrightarrows=21c9 rightsquigarrow=219d
    rightthreetimes=22cc ring=2da risingdotseq=2253 rlarr=21c4 rlhar=21cc rlm=200f rmoust=23b1
    rmoustache=23b1 rnmid=2aee roang=27ed roarr=21fe robrk=27e7 ropar=2986 ropf=1d563 roplus=2a2e
    rotimes=2a35 rpar=29 rpargt=2994 rppolint=2a12 rrarr=21c9 rsaquo=203a rscr=1d4c7 rsh=21b1
    rsqb=5d rsquo=2019 rsquor=2019 rthree=22cc rtimes=22ca rtri=25b9 rtrie=22b5 rtrif=25b8
    rtriltri=29ce ruluhar=2968 rx=211e sacute=15b sbquo=201a sc=227b scap=2ab8 scaron=161 sccue=227d
    sce=2ab0 scedil=15f scirc=15d scnap=2aba scnsim=22e9 scpolint=2a13 scsim=227f scy=441 sdot=22c5
    sdotb=22a1 sdote=2a66 searhk=2925 searr=2198 searrow=2198 sect!=a7 semi=3b seswar=2929
    setminus=2216 setmn=2216 sext=2736 sfr=1d530 sfrown=2322 sharp=266f shchcy=449 shcy=448
    shortmid=2223 shortparallel=2225 shy!=ad sigma=3c3 sigmaf=3c2 sigmav=3c2 sim=223c simdot=2a6a
    sime=2243 simeq=2243 simg=2a9e siml=2a9d simne=2246 simplus=2a24 simrarr=2972 slarr=2190
    smallsetminus=2216 smashp=2a33 smeparsl=29e4 smid=2223 smile=2323 smt=2aaa smte=2aac
    smtes=2aac+fe00 softcy=44c sol=2f solb=29c4 solbar=233f sopf=1d564 spades=2660 spadesuit=2660
    spar=2225 sqcap=2293 sqcaps=2293+fe00 sqcup=2294 sqcups=2294+fe00 sqsub=228f sqsube=2291
    sqsubset=228f sqsubseteq=2291 sqsup=2290 sqsupe=2292 sqsupset=2290 sqsupseteq=2292 squ=25a1
    square=25a1 squarf=25aa squf=25aa srarr=2192 sscr=1d4c8 ssetmn=2216 ssmile=2323 sstarf=22c6
    star=2606 starf=2605 straightepsilon=3f5 straightphi=3d5 strns=af sub=2282 subdot=2abd sube=2286
    subedot=2ac3 submult=2ac1 subne=228a subplus=2abf subrarr=2979 subset=2282 subseteq=2286
    subseteqq=2ac5 subsetneq=228a subsetneqq=2acb subsim=2ac7 subsub=2ad5 subsup=2ad3 succ=227b
    succapprox=2ab8 succcurlyeq=227d succeq=2ab0 succnapprox=2aba succneqq=2ab6 succnsim=22e9
    succsim=227f sum=2211 sung=266a sup=2283 sup1!=b9 sup2!=b2 sup3!=b3 supdot=2abe supdsub=2ad8
    supe=2287 supedot=2ac4 suphsol=27c9 suphsub=2ad7 suplarr=297b supmult=2ac2 supne=228b
    supplus=2ac0 supset=2283 supseteq=2287 supseteqq=2ac6 supsetneq=228b supsetneqq=2acc supsim=2ac8
    supsub=2ad4 supsup=2ad6 swarhk=2926 swarr=2199 swarrow=2199 swnwar=292a szlig!=df target=2316
    tau=3c4 tbrk=23b4 tcaron=165 tcedil=163 tcy=442 tdot=20db telrec=2315 tfr=1d531 there4=2234
    therefore=2234 theta=3b8 thetasym=3d1 thetav=3d1 thickapprox=2248 thicksim=223c thinsp=2009
    thkap=2248 thksim=223c thorn!=fe tilde=2dc times!=d7 timesb=22a0 timesbar=2a31 timesd=2a30
    tint=222d toea=2928 top=22a4 topbot=2336 topcir=2af1 topf=1d565 topfork=2ada tosa=2929
    tprime=2034 trade=2122 triangle=25b5 triangledown=25bf triangleleft=25c3 trianglelefteq=22b4
    triangleq=225c triangleright=25b9 trianglerighteq=22b5 tridot=25ec trie=225c triminus=2a3a
    triplus=2a39 trisb=29cd tritime=2a3b trpezium=23e2 tscr=1d4c9 tscy=446 tshcy=45b tstrok=167
    twixt=226c twoheadleftarrow=219e twoheadrightarrow=21a0 uacute!=fa uarr=2191 ubrcy=45e
    ubreve=16d ucirc!=fb ucy=443 udarr=21c5 udblac=171 udhar=296e ufisht=297e ufr=1d532 ugrave!=f9
    uharl=21bf uharr=21be uhblk=2580 ulcorn=231c ulcorner=231c ulcrop=230f ultri=25f8 umacr=16b
    uml!=a8 uogon=173 uopf=1d566 uparrow=2191 updownarrow=2195 upharpoonleft=21bf
    upharpoonright=21be uplus=228e upsi=3c5 upsih=3d2 upsilon=3c5 upuparrows=21c8 urcorn=231d
    urcorner=231d urcrop=230e uring=16f urtri=25f9 uscr=1d4ca utdot=22f0 utilde=169 utri=25b5
    utrif=25b4 uuarr=21c8 uuml!=fc uwangle=29a7 vangrt=299c varepsilon=3f5 varkappa=3f0
    varnothing=2205 varphi=3d5 varpi=3d6 varpropto=221d varr=2195 varrho=3f1 varsigma=3c2
    varsubsetneq=228a+fe00 varsubsetneqq=2acb+fe00 varsupsetneq=228b+fe00 varsupsetneqq=2acc+fe00
    vartheta=3d1 vartriangleleft=22b2 vartriangleright=22b3 vcy=432 vdash=22a2 vee=2228 veebar=22bb
    veeeq=225a vellip=22ee verbar=7c vert=7c vfr=1d533 vltri=22b2 vnsub=2282+20d2 vnsup=2283+20d2
    vopf=1d567 vprop=221d vrtri=22b3 vscr=1d4cb vsubne=228a+fe00 vsupne=228b+fe00 vzigzag=299a
    wcirc=175 wedbar=2a5f wedge=2227 wedgeq=2259 weierp=2118 wfr=1d534 wopf=1d568 wp=2118 wr=2240
    wreath=2240 wscr=1d4cc xcap=22c2 xcirc=25ef xcup=22c3 xdtri=25bd xfr=1d535 xharr=27f7 xi=3be
    xlarr=27f5 xmap=27fc xnis=22fb xodot=2a00 xopf=1d569 xoplus=2a01 xotime=2a02 xrarr=27f6
    xscr=1d4cd xsqcup=2a06 xuplus=2a04 xutri=25b3 xvee=22c1 xwedge=22c0 yacute!=fd yacy=44f
    ycirc=177 ycy=44b yen!=a5 yfr=1d536 yicy=457 yopf=1d56a yscr=1d4ce yucy=44e yuml!=ff zacute=17a
    zcaron=17e zcy=437 zdot=17c zeetrf=2128 zeta=3b6 zfr=1d537 zhcy=436 zigrarr=21dd zopf=1d56b
    zscr=1d4cf zwj=200d zwnj=200c
    """

  /// Code pages, each with the code points of its bytes from 0x80 on; `.`: none.
  static let codePages = """
    windows1252 20ac . 201a 192 201e 2026 2020 2021 2c6 2030 160 2039 152 . 17d . . 2018 2019 201c \
    201d 2022 2013 2014 2dc 2122 161 203a 153 . 17e 178 a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad \
    ae af b0 b1 b2 b3 b4 b5 b6 b7 b8 b9 ba bb bc bd be bf c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc \
    cd ce cf d0 d1 d2 d3 d4 d5 d6 d7 d8 d9 da db dc dd de df e0 e1 e2 e3 e4 e5 e6 e7 e8 e9 ea eb \
    ec ed ee ef f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 fa fb fc fd fe ff
    windows1251 402 403 201a 453 201e 2026 2020 2021 20ac 2030 409 2039 40a 40c 40b 40f 452 2018 \
    2019 201c 201d 2022 2013 2014 . 2122 459 203a 45a 45c 45b 45f a0 40e 45e 408 a4 490 a6 a7 401 \
    a9 404 ab ac ad ae 407 b0 b1 406 456 491 b5 b6 b7 451 2116 454 bb 458 405 455 457 410 411 412 \
    413 414 415 416 417 418 419 41a 41b 41c 41d 41e 41f 420 421 422 423 424 425 426 427 428 429 \
    42a 42b 42c 42d 42e 42f 430 431 432 433 434 435 436 437 438 439 43a 43b 43c 43d 43e 43f 440 \
    441 442 443 444 445 446 447 448 449 44a 44b 44c 44d 44e 44f
    windows1250 20ac . 201a . 201e 2026 2020 2021 . 2030 160 2039 15a 164 17d 179 . 2018 2019 201c \
    201d 2022 2013 2014 . 2122 161 203a 15b 165 17e 17a a0 2c7 2d8 141 a4 104 a6 a7 a8 a9 15e ab \
    ac ad ae 17b b0 b1 2db 142 b4 b5 b6 b7 b8 105 15f bb 13d 2dd 13e 17c 154 c1 c2 102 c4 139 106 \
    c7 10c c9 118 cb 11a cd ce 10e 110 143 147 d3 d4 150 d6 d7 158 16e da 170 dc dd 162 df 155 e1 \
    e2 103 e4 13a 107 e7 10d e9 119 eb 11b ed ee 10f 111 144 148 f3 f4 151 f6 f7 159 16f fa 171 fc \
    fd 163 2d9
    windows1253 20ac . 201a 192 201e 2026 2020 2021 . 2030 . 2039 . . . . . 2018 2019 201c 201d \
    2022 2013 2014 . 2122 . 203a . . . . a0 385 386 a3 a4 a5 a6 a7 a8 a9 . ab ac ad ae 2015 b0 b1 \
    b2 b3 384 b5 b6 b7 388 389 38a bb 38c bd 38e 38f 390 391 392 393 394 395 396 397 398 399 39a \
    39b 39c 39d 39e 39f 3a0 3a1 . 3a3 3a4 3a5 3a6 3a7 3a8 3a9 3aa 3ab 3ac 3ad 3ae 3af 3b0 3b1 3b2 \
    3b3 3b4 3b5 3b6 3b7 3b8 3b9 3ba 3bb 3bc 3bd 3be 3bf 3c0 3c1 3c2 3c3 3c4 3c5 3c6 3c7 3c8 3c9 \
    3ca 3cb 3cc 3cd 3ce .
    windows1254 20ac . 201a 192 201e 2026 2020 2021 2c6 2030 160 2039 152 . . . . 2018 2019 201c \
    201d 2022 2013 2014 2dc 2122 161 203a 153 . . 178 a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae \
    af b0 b1 b2 b3 b4 b5 b6 b7 b8 b9 ba bb bc bd be bf c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 ca cb cc cd \
    ce cf 11e d1 d2 d3 d4 d5 d6 d7 d8 d9 da db dc 130 15e df e0 e1 e2 e3 e4 e5 e6 e7 e8 e9 ea eb \
    ec ed ee ef 11f f1 f2 f3 f4 f5 f6 f7 f8 f9 fa fb fc 131 15f ff
    windows1257 20ac . 201a . 201e 2026 2020 2021 . 2030 . 2039 . a8 2c7 b8 . 2018 2019 201c 201d \
    2022 2013 2014 . 2122 . 203a . af 2db . a0 . a2 a3 a4 . a6 a7 d8 a9 156 ab ac ad ae c6 b0 b1 \
    b2 b3 b4 b5 b6 b7 f8 b9 157 bb bc bd be e6 104 12e 100 106 c4 c5 118 112 10c c9 179 116 122 \
    136 12a 13b 160 143 145 d3 14c d5 d6 d7 172 141 15a 16a dc 17b 17d df 105 12f 101 107 e4 e5 \
    119 113 10d e9 17a 117 123 137 12b 13c 161 144 146 f3 14d f5 f6 f7 173 142 15b 16b fc 17c 17e \
    2d9
    latin2 80 81 82 83 84 85 86 87 88 89 8a 8b 8c 8d 8e 8f 90 91 92 93 94 95 96 97 98 99 9a 9b 9c \
    9d 9e 9f a0 104 2d8 141 a4 13d 15a a7 a8 160 15e 164 179 ad 17d 17b b0 105 2db 142 b4 13e 15b \
    2c7 b8 161 15f 165 17a 2dd 17e 17c 154 c1 c2 102 c4 139 106 c7 10c c9 118 cb 11a cd ce 10e 110 \
    143 147 d3 d4 150 d6 d7 158 16e da 170 dc dd 162 df 155 e1 e2 103 e4 13a 107 e7 10d e9 119 eb \
    11b ed ee 10f 111 144 148 f3 f4 151 f6 f7 159 16f fa 171 fc fd 163 2d9
    macRoman c4 c5 c7 c9 d1 d6 dc e1 e0 e2 e4 e3 e5 e7 e9 e8 ea eb ed ec ee ef f1 f3 f2 f4 f6 f5 \
    fa f9 fb fc 2020 b0 a2 a3 a7 2022 b6 df ae a9 2122 b4 a8 2260 c6 d8 221e b1 2264 2265 a5 b5 \
    2202 2211 220f 3c0 222b aa ba 3a9 e6 f8 bf a1 ac 221a 192 2248 2206 ab bb 2026 a0 c0 c3 d5 152 \
    153 2013 2014 201c 201d 2018 2019 f7 25ca ff 178 2044 20ac 2039 203a fb01 fb02 2021 b7 201a \
    201e 2030 c2 ca c1 cb c8 cd ce cf cc d3 d4 f8ff d2 da db d9 131 2c6 2dc af 2d8 2d9 2da b8 2dd \
    2db 2c7
    cp437 c7 fc e9 e2 e4 e0 e5 e7 ea eb e8 ef ee ec c4 c5 c9 e6 c6 f4 f6 f2 fb f9 ff d6 dc a2 a3 \
    a5 20a7 192 e1 ed f3 fa f1 d1 aa ba bf 2310 ac bd bc a1 ab bb 2591 2592 2593 2502 2524 2561 \
    2562 2556 2555 2563 2551 2557 255d 255c 255b 2510 2514 2534 252c 251c 2500 253c 255e 255f 255a \
    2554 2569 2566 2560 2550 256c 2567 2568 2564 2565 2559 2558 2552 2553 256b 256a 2518 250c 2588 \
    2584 258c 2590 2580 3b1 df 393 3c0 3a3 3c3 b5 3c4 3a6 398 3a9 3b4 221e 3c6 3b5 2229 2261 b1 \
    2265 2264 2320 2321 f7 2248 b0 2219 b7 221a 207f b2 25a0 a0
    """

  /// Classes of characters that ftfy treats alike, as ranges of code points.
  static let classes = """
    A 9 2000
    B 20
    C 21-2f 3a-40 5b-5e 60 7b-7e 2d9-2da 2015 2019 2026 2219 2320-2321 2500 2514 2534 25a0
    D 30-39 5f fd-ff 12e 131 144 146 148 14d 151 154 156-157 159 163 16b 16f 171 173 390 3ca-3ce \
    207f
    E 41-5a
    F 61-7a
    G a0
    H a1 a9 ab bf 384-385 2018 201a 201c 201e 2022 2039 f8ff
    I a2
    J a3 20ac
    K a4 a6 a8 aa ac af b8 ba 192 2c6-2c7 2d8 2db-2dc 2020-2021 2030 2310 25ca fffd
    L a5
    M a7 b6
    N ad b7 2013-2014
    O ae 2122
    P b0
    Q b1 2202 2260 2264-2265
    R b2
    S b3
    T b4
    U b5
    V b9 bc-be
    W bb 2dd 201d 203a
    X c0-c1 c4-cd cf d1 d8 dc-dd 100 102 104 106 10c 10e 110 112 116 118 11a 11e 122 12a 130 136 \
    139 13b 13d 141 143 145 147 158 15a 15e 162 164 16e 170 179 17b 17d 490
    Y c2
    Z c3
    a ce d0
    b d2-d6 d9-db f2-f6 f9-fb 14c 150 16a 172
    c d7
    d de 386 388-38a 38c 38e-38f 391-3a1 3a3-3ab 401 403-40c 40e-42f
    e df e1-f1 fc 101 103 105 107 10d 10f 111 113 117 119 11b 11f 123 12b 12f 137 13a 13c 13e 142 \
    155 15b 15f 165 17a 17c 491 fb01-fb02
    f e0
    g f7 2044 2116 2206 220f 2211 221e 2229 222b 2261
    h f8
    i 152
    j 153
    k 160 178
    l 161 17e
    m 3ac-3c9 430-431 433-44f 451-45c 45e-45f
    n 402
    o 432
    p 20a7
    q 221a
    r 2248
    s 2502 250c 2510 2518 251c 2524 252c 253c 2550-256c 2580 2584 2588 258c 2590-2593
    """

  /// One or two classes (several separated by commas), and those that are unlikely to follow.
  static let unlikely = """
    H,M=Ks I,J,L,Q,R,S,U,V,g,p=HKXYZaefijkls K=HIJKLMOQRSUVWXYZacefgijklpqrs O,W=IJKLXYZaefijklps
    X,k=KMPQRSUVcgqrs Y,a=GHIJKMNOPQRSTUVWcgjklqrs Z=BGHIJKMNOPQRSTUVWcgjklqrs c=HKRSXYZaefijkls
    e,l=IJKLXYZaikps f=IJKLRUVXYZaikps i,j=ABCDGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs m=XYZaik
    o=XYZaikn q=HKLOQTUXYZaefhijkls r=HIKPXYZaefijkls s=HIJKLMOPQRSUVWXYZabcefghijklpqr
    AX,Ak,BX,Bk,GX,Gk=IJLp AY,AZ,Aa,BY,BZ,Ba,FY,FZ,Fa,GY,GZ,Ga=Lp Ed,Em,En,Eo,Fd,Fm,Fn,Fo=K
    FX,Fk=HIJLp IO,IW,JO,JW,LO,LW,MO,MW,QO,QW,RO,RW,SO,SW,UO,UW,VO,VW,cO,cW,gO,gW,pO,pW,qW,rO,rW=H
    OH,WH=QRSUVcgqr XH,eH,fH,kH,lH=DEFQRSUVXYZabcdefghijklmnoqr
    XO,XW,eO,eW,fO,fW,kO,kW,lO,lW=DEFHRSUVbdhmno
    """
}
