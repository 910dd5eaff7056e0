// DOJO_DETAIL_FOR_EACH(macro, context, items…): macro(context, item) for each of them, with commas
// between; nothing for more than 128. One macro for each number of items, and no recursion by
// rescanning, since compilers tell the way through all macros with every error in one of them.
#pragma once

// clang-format off
#define DOJO_DETAIL_FOR_EACH(macro, context, ...) \
  __VA_OPT__(DOJO_DETAIL_EACH(__VA_ARGS__)(macro, context, __VA_ARGS__))
#define DOJO_DETAIL_EACH(...) DOJO_DETAIL_EACH_PICK(__VA_ARGS__, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, DOJO_DETAIL_EACH_TOO_MANY, \
  DOJO_DETAIL_EACH_128, DOJO_DETAIL_EACH_127, DOJO_DETAIL_EACH_126, DOJO_DETAIL_EACH_125, \
  DOJO_DETAIL_EACH_124, DOJO_DETAIL_EACH_123, DOJO_DETAIL_EACH_122, DOJO_DETAIL_EACH_121, \
  DOJO_DETAIL_EACH_120, DOJO_DETAIL_EACH_119, DOJO_DETAIL_EACH_118, DOJO_DETAIL_EACH_117, \
  DOJO_DETAIL_EACH_116, DOJO_DETAIL_EACH_115, DOJO_DETAIL_EACH_114, DOJO_DETAIL_EACH_113, \
  DOJO_DETAIL_EACH_112, DOJO_DETAIL_EACH_111, DOJO_DETAIL_EACH_110, DOJO_DETAIL_EACH_109, \
  DOJO_DETAIL_EACH_108, DOJO_DETAIL_EACH_107, DOJO_DETAIL_EACH_106, DOJO_DETAIL_EACH_105, \
  DOJO_DETAIL_EACH_104, DOJO_DETAIL_EACH_103, DOJO_DETAIL_EACH_102, DOJO_DETAIL_EACH_101, \
  DOJO_DETAIL_EACH_100, DOJO_DETAIL_EACH_99, DOJO_DETAIL_EACH_98, DOJO_DETAIL_EACH_97, \
  DOJO_DETAIL_EACH_96, DOJO_DETAIL_EACH_95, DOJO_DETAIL_EACH_94, DOJO_DETAIL_EACH_93, \
  DOJO_DETAIL_EACH_92, DOJO_DETAIL_EACH_91, DOJO_DETAIL_EACH_90, DOJO_DETAIL_EACH_89, \
  DOJO_DETAIL_EACH_88, DOJO_DETAIL_EACH_87, DOJO_DETAIL_EACH_86, DOJO_DETAIL_EACH_85, \
  DOJO_DETAIL_EACH_84, DOJO_DETAIL_EACH_83, DOJO_DETAIL_EACH_82, DOJO_DETAIL_EACH_81, \
  DOJO_DETAIL_EACH_80, DOJO_DETAIL_EACH_79, DOJO_DETAIL_EACH_78, DOJO_DETAIL_EACH_77, \
  DOJO_DETAIL_EACH_76, DOJO_DETAIL_EACH_75, DOJO_DETAIL_EACH_74, DOJO_DETAIL_EACH_73, \
  DOJO_DETAIL_EACH_72, DOJO_DETAIL_EACH_71, DOJO_DETAIL_EACH_70, DOJO_DETAIL_EACH_69, \
  DOJO_DETAIL_EACH_68, DOJO_DETAIL_EACH_67, DOJO_DETAIL_EACH_66, DOJO_DETAIL_EACH_65, \
  DOJO_DETAIL_EACH_64, DOJO_DETAIL_EACH_63, DOJO_DETAIL_EACH_62, DOJO_DETAIL_EACH_61, \
  DOJO_DETAIL_EACH_60, DOJO_DETAIL_EACH_59, DOJO_DETAIL_EACH_58, DOJO_DETAIL_EACH_57, \
  DOJO_DETAIL_EACH_56, DOJO_DETAIL_EACH_55, DOJO_DETAIL_EACH_54, DOJO_DETAIL_EACH_53, \
  DOJO_DETAIL_EACH_52, DOJO_DETAIL_EACH_51, DOJO_DETAIL_EACH_50, DOJO_DETAIL_EACH_49, \
  DOJO_DETAIL_EACH_48, DOJO_DETAIL_EACH_47, DOJO_DETAIL_EACH_46, DOJO_DETAIL_EACH_45, \
  DOJO_DETAIL_EACH_44, DOJO_DETAIL_EACH_43, DOJO_DETAIL_EACH_42, DOJO_DETAIL_EACH_41, \
  DOJO_DETAIL_EACH_40, DOJO_DETAIL_EACH_39, DOJO_DETAIL_EACH_38, DOJO_DETAIL_EACH_37, \
  DOJO_DETAIL_EACH_36, DOJO_DETAIL_EACH_35, DOJO_DETAIL_EACH_34, DOJO_DETAIL_EACH_33, \
  DOJO_DETAIL_EACH_32, DOJO_DETAIL_EACH_31, DOJO_DETAIL_EACH_30, DOJO_DETAIL_EACH_29, \
  DOJO_DETAIL_EACH_28, DOJO_DETAIL_EACH_27, DOJO_DETAIL_EACH_26, DOJO_DETAIL_EACH_25, \
  DOJO_DETAIL_EACH_24, DOJO_DETAIL_EACH_23, DOJO_DETAIL_EACH_22, DOJO_DETAIL_EACH_21, \
  DOJO_DETAIL_EACH_20, DOJO_DETAIL_EACH_19, DOJO_DETAIL_EACH_18, DOJO_DETAIL_EACH_17, \
  DOJO_DETAIL_EACH_16, DOJO_DETAIL_EACH_15, DOJO_DETAIL_EACH_14, DOJO_DETAIL_EACH_13, \
  DOJO_DETAIL_EACH_12, DOJO_DETAIL_EACH_11, DOJO_DETAIL_EACH_10, DOJO_DETAIL_EACH_9, \
  DOJO_DETAIL_EACH_8, DOJO_DETAIL_EACH_7, DOJO_DETAIL_EACH_6, DOJO_DETAIL_EACH_5, \
  DOJO_DETAIL_EACH_4, DOJO_DETAIL_EACH_3, DOJO_DETAIL_EACH_2, DOJO_DETAIL_EACH_1, )
#define DOJO_DETAIL_EACH_PICK( \
  a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, \
  a17, a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32, \
  a33, a34, a35, a36, a37, a38, a39, a40, a41, a42, a43, a44, a45, a46, a47, a48, \
  a49, a50, a51, a52, a53, a54, a55, a56, a57, a58, a59, a60, a61, a62, a63, a64, \
  a65, a66, a67, a68, a69, a70, a71, a72, a73, a74, a75, a76, a77, a78, a79, a80, \
  a81, a82, a83, a84, a85, a86, a87, a88, a89, a90, a91, a92, a93, a94, a95, a96, \
  a97, a98, a99, a100, a101, a102, a103, a104, a105, a106, a107, a108, a109, a110, a111, a112, \
  a113, a114, a115, a116, a117, a118, a119, a120, a121, a122, a123, a124, a125, a126, a127, a128, \
  a129, a130, a131, a132, a133, a134, a135, a136, a137, a138, a139, a140, a141, a142, a143, a144, \
  a145, a146, a147, a148, a149, a150, a151, a152, a153, a154, a155, a156, a157, a158, a159, a160, \
  a161, a162, a163, a164, a165, a166, a167, a168, a169, a170, a171, a172, a173, a174, a175, a176, \
  a177, a178, a179, a180, a181, a182, a183, a184, a185, a186, a187, a188, a189, a190, a191, a192, \
  a193, a194, a195, a196, a197, a198, a199, a200, a201, a202, a203, a204, a205, a206, a207, a208, \
  a209, a210, a211, a212, a213, a214, a215, a216, a217, a218, a219, a220, a221, a222, a223, a224, \
  a225, a226, a227, a228, a229, a230, a231, a232, a233, a234, a235, a236, a237, a238, a239, a240, \
  a241, a242, a243, a244, a245, a246, a247, a248, a249, a250, a251, a252, a253, a254, a255, a256, \
  picked, ...) picked
#define DOJO_DETAIL_EACH_TOO_MANY(...)
#define DOJO_DETAIL_EACH_1(macro, context, item) macro(context, item)
#define DOJO_DETAIL_EACH_2(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_1(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_3(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_2(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_4(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_3(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_5(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_4(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_6(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_5(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_7(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_6(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_8(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_7(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_9(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_8(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_10(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_9(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_11(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_10(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_12(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_11(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_13(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_12(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_14(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_13(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_15(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_14(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_16(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_15(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_17(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_16(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_18(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_17(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_19(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_18(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_20(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_19(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_21(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_20(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_22(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_21(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_23(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_22(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_24(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_23(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_25(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_24(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_26(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_25(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_27(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_26(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_28(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_27(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_29(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_28(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_30(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_29(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_31(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_30(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_32(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_31(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_33(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_32(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_34(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_33(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_35(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_34(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_36(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_35(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_37(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_36(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_38(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_37(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_39(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_38(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_40(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_39(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_41(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_40(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_42(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_41(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_43(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_42(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_44(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_43(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_45(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_44(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_46(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_45(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_47(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_46(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_48(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_47(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_49(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_48(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_50(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_49(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_51(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_50(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_52(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_51(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_53(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_52(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_54(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_53(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_55(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_54(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_56(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_55(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_57(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_56(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_58(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_57(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_59(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_58(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_60(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_59(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_61(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_60(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_62(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_61(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_63(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_62(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_64(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_63(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_65(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_64(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_66(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_65(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_67(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_66(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_68(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_67(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_69(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_68(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_70(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_69(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_71(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_70(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_72(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_71(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_73(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_72(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_74(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_73(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_75(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_74(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_76(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_75(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_77(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_76(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_78(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_77(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_79(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_78(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_80(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_79(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_81(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_80(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_82(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_81(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_83(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_82(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_84(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_83(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_85(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_84(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_86(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_85(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_87(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_86(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_88(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_87(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_89(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_88(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_90(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_89(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_91(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_90(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_92(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_91(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_93(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_92(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_94(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_93(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_95(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_94(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_96(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_95(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_97(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_96(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_98(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_97(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_99(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_98(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_100(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_99(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_101(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_100(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_102(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_101(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_103(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_102(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_104(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_103(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_105(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_104(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_106(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_105(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_107(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_106(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_108(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_107(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_109(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_108(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_110(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_109(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_111(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_110(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_112(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_111(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_113(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_112(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_114(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_113(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_115(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_114(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_116(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_115(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_117(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_116(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_118(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_117(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_119(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_118(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_120(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_119(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_121(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_120(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_122(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_121(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_123(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_122(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_124(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_123(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_125(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_124(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_126(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_125(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_127(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_126(macro, context, __VA_ARGS__)
#define DOJO_DETAIL_EACH_128(macro, context, item, ...) macro(context, item), DOJO_DETAIL_EACH_127(macro, context, __VA_ARGS__)
// clang-format on
