"""A Falcon-1024 signature that verifies: made by another implementation, npm @noble/post-quantum 0.7.1."""

from __future__ import annotations

from base64 import b85decode

MESSAGE = b"whisperd/1 falcon known answer"
#: 1793 bytes.
PUBLIC = b85decode(
    "3SnHhgV%y|B+>?;uxj$OT)*KW?{ffgbGmcd$_j$r&?91`Qbec5uEOk`;e@0$8sb#y67c+MpEm{J^kkAATZokNK&0+o2#^I|LF6FW3Dz5lX1St&"
    "K)NrKCrCYI<^Tf>o~2}PEfERL?O`C0UL`!x;)YR$3;H&;ZiSH%^rKsr8tcC{CbT45mL=5kXiH7UN*=*^%_j$?33s8v$qTF6i<<K<m4RH=5FV0y"
    "4UQ>m3nZOHrI;G^L%w3<V{#dm2RWG`hkDP=Uybh@q>gDBfUH^oXw;UZ^0*r(#wPCbm!T6!7Mg$cx8?y%u_YKj!8|`kY6pDpuSaQ#cO6f@OIY_g"
    "*+D#LPF*{$f?F@PcctM{m7B>Nbil0r5TOKsJ<H-JG2?V(=q|mspA<_&-"
    "&MkNcQ!2~MNaNo2yc13!W0$69O7dT`?`mQ^(c(zD1WKfqCOsj)KhmF`2jm-gWp>ciXw#M5o)rR@HDSFt`$ys-Ug(9N|)poV6ux=Mt9Ounp+yQ@"
    "`#krd7X*Tn3Eu$T%JIPWZH8sSn+V9xKe2>0>)Q=ZLodze$!DJAZuV|hZvWn<|8c1dzNvj*S{7fD9yh2_?caUQutE0D)vsLL?dy+T>x?hDAI3kE"
    "_G7bNJdI{9f8Tj){khC5#;;=K{5@+#|PKDCB;!DDra6p-XVFTq+~LbB}f@#D{@Kb6<(Y&dd4?9drlsD1snGPXO1Hf+PL__>SRu;1b-"
    "YNI=t)Wix`<?h;bS;W5u$dht~fax(&#YiQ`wwKGqH9J_Mc>N<8??&|R4zF}M<2<W2HJ*Nu}iqDsN5TM=-"
    "2jW1EM!dPdp4%1cA_avs{F(lF+R4!2Cu1^Prf|KM&BczF5!!WGS%|65<ODzF1A(9r>zO93v7ApJrO*9^=8G^E6gQ?*<Mu>(3c&V}5>|{J81VTV"
    "y!YeF|Ffl8ep}P>0xvLb^oP5LM5#2Db^vrtZ9A=%>MEjG#eK0a_v9pxyD6sgcs)Us_8kdvI3^^6{M^rA&gSmt!sK=SGlU%x~RVeLguGF@~*qM_"
    "Jn$e&_6n^QFQbm^aBpgISrd&Wc$ZcXyu06QrlC#Ak5`Fx~OSX$snl8z+D8kDiszv*(1l=@{5CcP0;5>+%o4Be^7F}V4qZ2!)xP#|mU}bxhLFu_"
    "9E*01jpts5#5aI!}twl_pys+5KS7m`pJq3ytwu6088mq)JF$zketjp*-"
    "4d?)%#k^V6WY*GUnHqjJ5rAgaK*ZUL8Hs6&{;;^CsxU}Sv%5{%WsH&h)9JyEEy*Hl2cds^7T`JcYPFXT+qr&RR0iZ~k<}Qk6`9mmEgG&^{2DfU"
    "sYx7W^%?4+6D~b(1*L65Z=uhtd0QfNSXYAq2{Lerc4C58WhL><3-e1>f02t-"
    "9pDBbe1n&76+NXnoNKt_yfkT8#4QKiM%Xe`jpyH^>D>6OC7^u)*BOi3p}bX-VKSSaB0*;&xfH>>Ag;5%4^R^!&B73nK9xveCML!6R9W*EVcg3V"
    "<VJaGmX44qK4xhNBsIb2A)$qybRdy(shZ9>VE<v*V?s<#8x&p1-"
    "V7|ewSWhX7@V0<Sr@3a=5omK5`~u$foUEZvOck=net++A2HYE#NWHVA_3d1MpqY@Efq3avN7FNHUmo(fl6WIYFzb?tevs^k(`XZowNRFp-uK!M"
    "}`M5LA-"
    "?tl_|47?4xyUMXPwKXqqAfK5IR`p*LyAJvccq_1$eF`8)<$FS1;Po%)|0Ja{z#M(PBXcZF(W;0lm+yqSi(h4B+22bsoB1a8K5gU(D*J|bHHke%"
    "-eDF+tGUk6-(oAIF0n7au5u`nJVq27?9O_2z!@Nf7&Mn?`1n80HfWv<BCqzJ^POaVK234w-Q{+P-"
    "z0dEJjM4O(A+ncOPA|ottXyxp=d5$nw+@JGquYQ%X5T^v9YG6EnQ-0}Ng_xqKW7ML&-"
    "Vy_3LE^83Z5m9ROeUbm;}1&hd5Uep^=3qkoOJ*^EF!I}ZqUMEIACPe`kfP|dD**>*kGo0hFSLi&Eq!Y6*!4scQ1ye=Z}o65M1KP+nFgLned_j2"
    "#PfMGOLKe1iFUHs|2q72<F72Hzv6na7uRMi3-"
    "2WJvXx96SnS@01S&=9Ks9|ecMt&q{4x$Vp}kzbV@y30<CfJ0lVHX4<ZD|bpj2j5i<*70}!v|N%|?AO*EpWNCufNst`juQ$<6WMw;`js`NDdh*W"
    "OSp|TV}P*tzw7i^45fyO0Pu{%d<=SmCd4?@)<Mi1t^luE~RFVb}g`KuO=*&p#$&R`Q7Tkx`7WPRY<d-<7Jyb?VXG-_uuJZ0G_0TH#TkJx=$fB"
)
#: 1280 bytes, padded form.
SIGNATURE = b85decode(
    "I%5HWMcawSJ>xbhGIk_^6nnm@XTU`ZJcU=<8&aY>JIA^(Kxqpu+!ntg4W@okw}Jh)6(=6d(E0hyTilW`)1tA&UvK@#JJhO<Cw&ReJv|MDzW}OU"
    "uD3lomPE0x+ejeN%t|1iZW;<K#mmItRjzdniW<BZ-6rX_usF`!U0`lr$)^|d5?(J;HUGa&q~+ZU16^UZvs>t{2g<hZ-zE#3f$A=(2KLbsH^tX="
    "#>SY`PXlu;yM=ew$Y$&LE!EwKATh^#C_*%NrcyB0ERf<Ep;L41$5y&<An*u>HkFLMDbONLgC|zpfgR>j%ZWoG`gnFd6p#w14i(8$9G<tHn(slG"
    "BhN{uINoL~lBZ)rj(gN944F>oY^I6p_47DS4HV!xdB_yU1D=!rrIsXtrTDgSY5$Elt=IBVwbb3W`h@z;ghJK36<3qFgR)=btrh7@Gl|LRxbx*Z"
    "$0nlHcz%fRvl13J6|D3k9)A^6^{ir+qz2k`waN2FmbB2Bvx3Qy^wXh2%`y{tN{Q-b-rgrw49Bq8#Perz7L5FW^C~96{KG2$Ixd-"
    ";ZVe>XV^C@3D{=At!yj~C6r`CAav*=T#mC40J0HJctHq2VA00?MUklcS*>x=8J)f&_4*V_8to&|r*GZd6b*}awlNd|ks0V*yQYw4CnU$J98ojD"
    "y{#qq@8rH<XsY=!2YISaCr_G6sL?Tfa(bBql+zy6Jr=t3tvAZzO6p3APmE#fa(I|YE^?{0SHxmu}o`7I*N>}GXifNdtU&^dYsIc8-"
    "I)8dpwyw6vPRtz0Rhn4sv>uu>cK}OBhfCa$#XAd3;JjL^SOV>Bww85g<1VvdrUq3cP?1C1&qn9xB?HrPR7AEB=!C34HTHdkX5Wk&OABjskz2<*"
    "tD<*(8*6j*iA(66gUQpP{1m7qBiGlQp}HFe2gp+NUTRm`Lr2eUcMeQ#0%?K}P+<6OY~ZFeqgZE)+e}M6x7R-"
    "nZla|<oaBcSzE={bFBz&kecyP>?(G(rwh;x|O*J_JKRm}GXTPjRGs!j)jd4zDwMi+km@iAa^&uEG1t(%3IXi+-"
    "Gkk8u)W$GyesY}ybr9FOMn@jE28A%-s+&Wc%tsKsU$ZQN)35n;3!8_{n4@IlC)iXTp<v7~lB3hI-"
    "4U|)wipzj^tHedsXcQvF!Az91u<}{!v>EKb2~roY14cxx?gCg^5yLPyvjtJH6Bj0+B;v^DFrpU?3>BN)k~Q93^ILJQSdx{QG`h1{e%M!WlMXkg"
    "r+58436p-l5CSSmmEOVNPM%KOd<M;^X#xkeNMoPeq_9(G*UI)Sg==ZU6~6y@*K=<$3XLo=!Z<+(_%*%#5bzwzG-PIcyoluV;?odTYiPTF{Q~Nj"
    "wYx)+{qH?-c@y$YILR!si9ICEBdD(<!K@l1ST<ygD!2=+VHVZBGg;-"
    "P5i^!VtHa~sPp@?6BD&H^W1x9^FxOzyFofO8QjUnlo$~Zz!qYqDZEOw$d58_zrp62#2Bp$ejocxQ0g)ZjDZsMY-1>+|1_%4`N%8b&CM`vRB0-"
    "2zWhA)PB+I;yc2)C+jEFU;a}vf8Cf%u351S3dm)x6VuM<v*;AJhvuAOZnb{wCq-"
    "HI_ckumB+~B<lo}wiWDf@$)w7hSoWhnpv000000000000000"
)
